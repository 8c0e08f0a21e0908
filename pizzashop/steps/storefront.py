"""The route of role `storefront`."""

from flask import current_app, jsonify
from flask.typing import ResponseReturnValue

from pizzashop.auth.people import INTERNAL
from pizzashop.domain.lifecycle import ORDER_STEP
from pizzashop.domain.requests import StepOrder
from pizzashop.steps.runner import StepDone, run_step
from pizzashop.web.json_body import read_internal_json
from pizzashop.web.routes import Routes

routes = Routes("storefront")


@routes.post("/order", INTERNAL, response=StepDone, body=StepOrder, errors=(409,))
def take() -> ResponseReturnValue:
    """Take the order in: check it, process it, confirm it."""
    return jsonify(run_step(ORDER_STEP, read_internal_json(), current_app.extensions["means"]))
