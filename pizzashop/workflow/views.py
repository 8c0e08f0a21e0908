"""The routes of role `workflow`: start an order, decide on it, ask for it, pause, resume and cancel it."""

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

from pizzashop.access.guard import signed_by
from pizzashop.body import read_json
from pizzashop.domain.requests import Decision, NewOrder, OrderRef
from pizzashop.workflow.in_hand import InHand
from pizzashop.workflow.office import Office

blueprint = Blueprint("workflow", __name__)


def office() -> Office:
    """The office of the application that serves this request."""
    found: Office = current_app.extensions["office"]
    return found


@blueprint.post("/start-order")
def start_order() -> ResponseReturnValue:
    """Accept an order and start its workflow, once."""
    content = read_json()
    order_id = NewOrder.parse(content).order_id
    in_hand: InHand = current_app.extensions["in_hand"]
    with in_hand.starting(order_id):
        office().start(order_id, content)
    return jsonify(order_id=order_id, workflow_instance_id=f"pizza-order-{order_id}", status="started")


@blueprint.post("/validate-pizza")
def validate_pizza() -> ResponseReturnValue:
    """Take the manager's decision on a pizza."""
    decision = Decision.parse(signed_by(read_json()))
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
    asked = OrderRef.parse(signed_by(read_json()))
    office().pause(asked)
    return jsonify(order_id=asked.order_id, status="paused")


@blueprint.post("/resume-order")
def resume_order() -> ResponseReturnValue:
    """Let a paused order go on."""
    asked = OrderRef.parse(signed_by(read_json()))
    office().resume(asked)
    return jsonify(order_id=asked.order_id, status="resumed")


@blueprint.post("/cancel-order")
def cancel_order() -> ResponseReturnValue:
    """Cancel an order: no further stage begins."""
    asked = OrderRef.parse(signed_by(read_json()))
    office().cancel(asked)
    return jsonify(order_id=asked.order_id, status="cancelled")
