"""The routes by which the workflow has a step run: one for each of storefront, kitchen and delivery."""

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue

from pizzashop.auth.people import INTERNAL
from pizzashop.domain.lifecycle import COOK_STEP, DELIVER_STEP, ORDER_STEP
from pizzashop.domain.requests import StepOrder
from pizzashop.settings import Settings
from pizzashop.steps.runner import StepContext, StepResult, run_step
from pizzashop.web.dependencies import Dependencies
from pizzashop.web.json_body import read_internal_json
from pizzashop.web.routes import Routes


def storefront_routes(context: StepContext) -> Routes:
    """Return the route of the step `order`."""
    routes = Routes("storefront")

    @routes.post("/order", INTERNAL, response=StepResult, body=StepOrder, errors=(409,))
    def take_order() -> ResponseReturnValue:
        """Take the order in: check it, process it, confirm it."""
        return jsonify(run_step(ORDER_STEP, read_internal_json(), context))

    return routes


def kitchen_routes(context: StepContext) -> Routes:
    """Return the route of the step `cook`."""
    routes = Routes("kitchen")

    @routes.post("/cook", INTERNAL, response=StepResult, body=StepOrder, errors=(409,))
    def cook() -> ResponseReturnValue:
        """Cook the pizza."""
        return jsonify(run_step(COOK_STEP, read_internal_json(), context))

    return routes


def delivery_routes(context: StepContext) -> Routes:
    """Return the route of the step `deliver`."""
    routes = Routes("delivery")

    @routes.post("/deliver", INTERNAL, response=StepResult, body=StepOrder, errors=(409,))
    def deliver() -> ResponseReturnValue:
        """Deliver the pizza."""
        return jsonify(run_step(DELIVER_STEP, read_internal_json(), context))

    return routes


def step_context(settings: Settings, dependencies: Dependencies) -> StepContext:
    """Return the context of all runs in a role."""
    return StepContext(dependencies.sidecar, dependencies.limit, settings.pace, settings.fail)


def wire_kitchen(app: Flask, settings: Settings, dependencies: Dependencies) -> None:
    """Register the routes of role `kitchen`."""
    app.register_blueprint(kitchen_routes(step_context(settings, dependencies)).blueprint)


def wire_delivery(app: Flask, settings: Settings, dependencies: Dependencies) -> None:
    """Register the routes of role `delivery`."""
    app.register_blueprint(delivery_routes(step_context(settings, dependencies)).blueprint)
