"""The route of role `delivery`."""

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

from pizzashop.body import read_json_inside
from pizzashop.domain.order import DELIVER_STEP
from pizzashop.stages import do_step

blueprint = Blueprint("delivery", __name__)


@blueprint.post("/deliver")
def deliver() -> ResponseReturnValue:
    """Deliver the pizza."""
    return jsonify(do_step(DELIVER_STEP, read_json_inside(), current_app.extensions["means"]))
