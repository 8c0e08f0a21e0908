"""The routes of role `workflow`: start an order, decide on it, and pause, resume or cancel it."""

from typing import Literal

from flask import jsonify
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, RootModel

from pizzashop.auth.guard import with_author
from pizzashop.auth.people import INTERNAL, MANAGER, PUBLIC
from pizzashop.domain.requests import DecisionRequest, NewOrder, OrderCommand
from pizzashop.web.json_body import read_json
from pizzashop.web.routes import Routes
from pizzashop.workflow.commands import OrderCommands


class StartAnswer(BaseModel):
    """The order is accepted, and its workflow has started or is about to start."""

    order_id: str
    workflow_instance_id: str
    status: Literal["started"]


class DecisionAnswer(BaseModel):
    """The decision counts."""

    order_id: str
    validation_status: Literal["approved", "rejected"]


class CommandAnswer(BaseModel):
    """The command holds."""

    order_id: str
    status: Literal["paused", "resumed", "cancelled"]


class RuntimeStatus(
    RootModel[Literal["RUNNING", "COMPLETED", "SUSPENDED", "TERMINATED", "FAILED", "PENDING", "STALLED"]]
):
    """The runtime status of the order's workflow in the engine."""


def make_workflow_routes(commands: OrderCommands) -> Routes:
    """Return the routes of role `workflow`."""
    routes = Routes("workflow")

    @routes.post("/start-order", PUBLIC, response=StartAnswer, body=NewOrder, errors=(409,))
    def start_order() -> ResponseReturnValue:
        """Accept an order and start its workflow, once. In a rush the workflow starts after the answer."""
        content = read_json()
        order_id = NewOrder.parse(content).order_id
        commands.start(order_id, content)
        return jsonify(order_id=order_id, workflow_instance_id=f"pizza-order-{order_id}", status="started")

    @routes.post("/validate-pizza", MANAGER, INTERNAL, response=DecisionAnswer, body=DecisionRequest, errors=(404, 409))
    def validate_pizza() -> ResponseReturnValue:
        """Take the manager's decision on a pizza."""
        decision = DecisionRequest.parse(with_author(read_json()))
        commands.decide(decision)
        status = "approved" if decision.approved else "rejected"
        return jsonify(order_id=decision.order_id, validation_status=status)

    @routes.get("/get-status/<order_id>", MANAGER, INTERNAL, response=RuntimeStatus, errors=(404,))
    def get_status(order_id: str) -> ResponseReturnValue:
        """Return the workflow's runtime status, as a bare JSON string."""
        return jsonify(commands.runtime_status(order_id))

    @routes.post("/pause-order", MANAGER, INTERNAL, response=CommandAnswer, body=OrderCommand, errors=(404, 409))
    def pause_order() -> ResponseReturnValue:
        """Pause an order after its present step."""
        command = OrderCommand.parse(with_author(read_json()))
        commands.pause(command)
        return jsonify(order_id=command.order_id, status="paused")

    @routes.post("/resume-order", MANAGER, INTERNAL, response=CommandAnswer, body=OrderCommand, errors=(404, 409))
    def resume_order() -> ResponseReturnValue:
        """Resume a paused order."""
        command = OrderCommand.parse(with_author(read_json()))
        commands.resume(command)
        return jsonify(order_id=command.order_id, status="resumed")

    @routes.post("/cancel-order", MANAGER, INTERNAL, response=CommandAnswer, body=OrderCommand, errors=(404, 409))
    def cancel_order() -> ResponseReturnValue:
        """Cancel an order: no further stage begins."""
        command = OrderCommand.parse(with_author(read_json()))
        commands.cancel(command)
        return jsonify(order_id=command.order_id, status="cancelled")

    return routes
