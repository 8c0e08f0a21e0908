"""The route of role `storefront`."""

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

from pizzashop.body import read_json_inside
from pizzashop.domain.order import ORDER_STEP
from pizzashop.stages import do_step

blueprint = Blueprint("storefront", __name__)


@blueprint.post("/order")
def take() -> ResponseReturnValue:
    """Take the order in: check it, process it, confirm it."""
    return jsonify(do_step(ORDER_STEP, read_json_inside(), current_app.extensions["means"]))
