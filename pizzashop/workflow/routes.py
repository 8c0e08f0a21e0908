"""What the application of role `workflow` is made of."""

from typing import Literal

from flask import Flask, current_app, jsonify
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, RootModel

from pizzashop.auth.guard import with_author
from pizzashop.auth.people import INTERNAL, MANAGER, PUBLIC
from pizzashop.domain.requests import Decision, NewOrder, OrderRef
from pizzashop.settings import Settings
from pizzashop.web.dependencies import Dependencies
from pizzashop.web.json_body import read_json
from pizzashop.web.routes import Routes
from pizzashop.workflow.activities import ContentCache
from pizzashop.workflow.capacity import Capacity
from pizzashop.workflow.commands import OrderCommands
from pizzashop.workflow.engine import Engine


class Started(BaseModel):
    """The order is accepted, and its workflow runs or has run."""

    order_id: str
    workflow_instance_id: str
    status: Literal["started"]


class Decided(BaseModel):
    """The decision stands."""

    order_id: str
    validation_status: Literal["approved", "rejected"]


class Steered(BaseModel):
    """It is so now."""

    order_id: str
    status: Literal["paused", "resumed", "cancelled"]


class RuntimeStatus(
    RootModel[Literal["RUNNING", "COMPLETED", "SUSPENDED", "TERMINATED", "FAILED", "PENDING", "STALLED"]]
):
    """What the engine says of the order's workflow."""


routes = Routes("workflow")


def office() -> OrderCommands:
    """The office of the application that serves this request."""
    found: OrderCommands = current_app.extensions["office"]
    return found


@routes.post("/start-order", PUBLIC, response=Started, body=NewOrder, errors=(409,))
def start_order() -> ResponseReturnValue:
    """Accept an order and start its workflow, once."""
    content = read_json()
    order_id = NewOrder.parse(content).order_id
    in_hand: Capacity = current_app.extensions["in_hand"]
    with in_hand.starting(order_id):
        office().start(order_id, content)
    return jsonify(order_id=order_id, workflow_instance_id=f"pizza-order-{order_id}", status="started")


@routes.post("/validate-pizza", MANAGER, INTERNAL, response=Decided, body=Decision, errors=(404, 409))
def validate_pizza() -> ResponseReturnValue:
    """Take the manager's decision on a pizza."""
    decision = Decision.parse(with_author(read_json()))
    office().decide(decision)
    word = "approved" if decision.approved else "rejected"
    return jsonify(order_id=decision.order_id, validation_status=word)


@routes.get("/get-status/<order_id>", MANAGER, INTERNAL, response=RuntimeStatus, errors=(404,))
def get_status(order_id: str) -> ResponseReturnValue:
    """The workflow's runtime status, as a bare JSON string."""
    return jsonify(office().runtime_status(order_id))


@routes.post("/pause-order", MANAGER, INTERNAL, response=Steered, body=OrderRef, errors=(404, 409))
def pause_order() -> ResponseReturnValue:
    """Pause an order after the step at hand."""
    asked = OrderRef.parse(with_author(read_json()))
    office().pause(asked)
    return jsonify(order_id=asked.order_id, status="paused")


@routes.post("/resume-order", MANAGER, INTERNAL, response=Steered, body=OrderRef, errors=(404, 409))
def resume_order() -> ResponseReturnValue:
    """Let a paused order go on."""
    asked = OrderRef.parse(with_author(read_json()))
    office().resume(asked)
    return jsonify(order_id=asked.order_id, status="resumed")


@routes.post("/cancel-order", MANAGER, INTERNAL, response=Steered, body=OrderRef, errors=(404, 409))
def cancel_order() -> ResponseReturnValue:
    """Cancel an order: no further stage begins."""
    asked = OrderRef.parse(with_author(read_json()))
    office().cancel(asked)
    return jsonify(order_id=asked.order_id, status="cancelled")


def wire(
    app: Flask,
    settings: Settings,
    dependencies: Dependencies,
    engine: Engine,
    in_hand: Capacity,
    contents: ContentCache,
) -> None:
    """Give the application its routes, and what they work with: the engine, and the count of orders in hand."""
    app.register_blueprint(routes.blueprint)
    app.extensions["office"] = OrderCommands(dependencies.sidecar, engine, settings, contents)
    app.extensions["in_hand"] = in_hand
