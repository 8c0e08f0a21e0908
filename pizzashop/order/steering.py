"""`POST /order/<id>/steer`: who may suspend or resume the order's workflow just now."""

import time

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from pizzashop.body import read_json_inside
from pizzashop.domain.steering import Steer, release, steer
from pizzashop.order.views import records

blueprint = Blueprint("steering", __name__, url_prefix="/order/<order_id>")


@blueprint.post("/steer")
def take_turn(order_id: str) -> ResponseReturnValue:
    """Take the steering, or give it back."""
    asked = Steer.parse(read_json_inside())
    move = release if asked.release else steer
    return jsonify(records().change(order_id, lambda record: move(record, asked, time.time())).model_dump())
