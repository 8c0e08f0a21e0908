"""The routes by which the workflow has a step run: one for each of storefront, kitchen and delivery."""

from typing import NamedTuple

from flask import jsonify
from flask.typing import ResponseReturnValue

from pizzashop.auth.people import INTERNAL
from pizzashop.domain.lifecycle import COOK_STEP, DELIVER_STEP, ORDER_STEP, Step
from pizzashop.domain.requests import StepOrder
from pizzashop.roles import DELIVERY, KITCHEN, STOREFRONT, Role
from pizzashop.steps.runner import StepContext, StepResult, run_step
from pizzashop.web.json_body import read_internal_json
from pizzashop.web.routes import Routes


class StepRoute(NamedTuple):
    """The step that a role runs, and the path of its route."""

    path: str
    step: Step


# The storefront's `/order` runs the step `order`. Role `order` has a route of this name too, which creates a record.
STEP_ROUTES = {
    STOREFRONT: StepRoute("/order", ORDER_STEP),
    KITCHEN: StepRoute("/cook", COOK_STEP),
    DELIVERY: StepRoute("/deliver", DELIVER_STEP),
}


def make_step_routes(role: Role, context: StepContext) -> Routes:
    """Return the route of the role's step."""
    routes, (path, step) = Routes(role.name), STEP_ROUTES[role]

    @routes.post(path, INTERNAL, response=StepResult, body=StepOrder, errors=(409,))
    def run() -> ResponseReturnValue:
        """Run the step of this role for an order."""
        return jsonify(run_step(step, read_internal_json(), context))

    return routes
