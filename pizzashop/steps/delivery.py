"""What the application of role `delivery` is made of."""

from flask import Flask, current_app, jsonify
from flask.typing import ResponseReturnValue

from pizzashop.auth.people import INTERNAL
from pizzashop.domain.lifecycle import DELIVER_STEP
from pizzashop.domain.requests import StepOrder
from pizzashop.settings import Settings
from pizzashop.steps.runner import StepContext, StepDone, run_step
from pizzashop.web.dependencies import Dependencies
from pizzashop.web.json_body import read_internal_json
from pizzashop.web.routes import Routes

routes = Routes("delivery")


@routes.post("/deliver", INTERNAL, response=StepDone, body=StepOrder, errors=(409,))
def deliver() -> ResponseReturnValue:
    """Deliver the pizza."""
    return jsonify(run_step(DELIVER_STEP, read_internal_json(), current_app.extensions["means"]))


def wire(app: Flask, settings: Settings, dependencies: Dependencies) -> None:
    """Give the application its routes, and what they work with."""
    app.register_blueprint(routes.blueprint)
    app.extensions["means"] = StepContext(dependencies.sidecar, dependencies.limit, settings.pace, settings.fail)
