"""The route of role `kitchen`."""

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

from pizzashop.body import read_json_inside
from pizzashop.domain.order import COOK_STEP
from pizzashop.stages import do_step

blueprint = Blueprint("kitchen", __name__)


@blueprint.post("/cook")
def cook() -> ResponseReturnValue:
    """Cook the pizza."""
    return jsonify(do_step(COOK_STEP, read_json_inside(), current_app.extensions["means"]))
