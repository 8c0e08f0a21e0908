"""The route of role `storefront`."""

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

from pizzashop.domain.lifecycle import ORDER_STEP
from pizzashop.steps.runner import run_step
from pizzashop.web.json_body import read_json_inside

blueprint = Blueprint("storefront", __name__)


@blueprint.post("/order")
def take() -> ResponseReturnValue:
    """Take the order in: check it, process it, confirm it."""
    return jsonify(run_step(ORDER_STEP, read_json_inside(), current_app.extensions["means"]))
