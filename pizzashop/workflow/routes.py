"""What the application of role `workflow` is made of."""

from flask import Blueprint, Flask, current_app, jsonify
from flask.typing import ResponseReturnValue

from pizzashop.auth.guard import with_author
from pizzashop.domain.requests import Decision, NewOrder, OrderRef
from pizzashop.settings import Settings
from pizzashop.web.dependencies import Dependencies
from pizzashop.web.json_body import read_json
from pizzashop.workflow.activities import ContentCache
from pizzashop.workflow.capacity import Capacity
from pizzashop.workflow.commands import OrderCommands
from pizzashop.workflow.engine import Engine

blueprint = Blueprint("workflow", __name__)


def office() -> OrderCommands:
    """The office of the application that serves this request."""
    found: OrderCommands = current_app.extensions["office"]
    return found


@blueprint.post("/start-order")
def start_order() -> ResponseReturnValue:
    """Accept an order and start its workflow, once."""
    content = read_json()
    order_id = NewOrder.parse(content).order_id
    in_hand: Capacity = current_app.extensions["in_hand"]
    with in_hand.starting(order_id):
        office().start(order_id, content)
    return jsonify(order_id=order_id, workflow_instance_id=f"pizza-order-{order_id}", status="started")


@blueprint.post("/validate-pizza")
def validate_pizza() -> ResponseReturnValue:
    """Take the manager's decision on a pizza."""
    decision = Decision.parse(with_author(read_json()))
    office().decide(decision)
    word = "approved" if decision.approved else "rejected"
    return jsonify(order_id=decision.order_id, validation_status=word)


@blueprint.get("/get-status/<order_id>")
def get_status(order_id: str) -> ResponseReturnValue:
    """The workflow's runtime status, as a bare JSON string."""
    return jsonify(office().runtime_status(order_id))


@blueprint.post("/pause-order")
def pause_order() -> ResponseReturnValue:
    """Pause an order after the step at hand."""
    asked = OrderRef.parse(with_author(read_json()))
    office().pause(asked)
    return jsonify(order_id=asked.order_id, status="paused")


@blueprint.post("/resume-order")
def resume_order() -> ResponseReturnValue:
    """Let a paused order go on."""
    asked = OrderRef.parse(with_author(read_json()))
    office().resume(asked)
    return jsonify(order_id=asked.order_id, status="resumed")


@blueprint.post("/cancel-order")
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
    app.register_blueprint(blueprint)
    app.extensions["office"] = OrderCommands(dependencies.sidecar, engine, settings, contents)
    app.extensions["in_hand"] = in_hand
