"""The workflow of an order in version v1, which was released: the whole order travels through the engine.

An order goes on with the version that it began with. Delete this file when no order in flight began with v1
(docs/how-to/change-the-workflow.md). It shares no step with the present version, and its decisions must not change.
"""

from datetime import datetime, timedelta
from typing import Any

from dapr.ext.workflow import DaprWorkflowContext, TaskFailedError

from pizzashop.workflow.pizza_workflow import DECISION_EVENT, OrderFailed, WorkflowGenerator

# The whole order: what the client sent, and what the roles added.
Order = dict[str, Any]


def pizza_workflow_v1(ctx: DaprWorkflowContext, start: dict[str, Any]) -> WorkflowGenerator:
    """Process the order `start["order"]`, by the settings that are the rest of `start`."""
    order = start["order"]
    try:
        order = yield from _run_step(ctx, "order_pizza", order, "confirmed", "Order failed")
        order = yield from _cook_until_approved(ctx, order, start)
        result = yield from _run_step(ctx, "deliver_pizza", order, "delivered", "Delivery failed")
    except (OrderFailed, TaskFailedError) as error:
        return (yield ctx.call_activity("end_order", input={"order": order, "error": str(error)}))
    return {
        "order_id": order["order_id"],
        "status": "completed",
        "final_status": "delivered",
        "delivery_result": result,
    }


def _cook_until_approved(ctx: DaprWorkflowContext, order: Order, start: dict[str, Any]) -> WorkflowGenerator:
    while True:
        order = yield from _run_step(ctx, "cook_pizza", order, "cooked", "Cooking failed")
        order = yield ctx.call_activity("validate_pizza", input=order)
        decision = yield from _wait_for_decision(ctx, order, start)
        if decision["approved"]:
            return order
        if not decision.get("remake"):
            raise OrderFailed("Pizza validation failed - need to remake")
        if order["attempt"] > start["max_remakes"]:
            raise OrderFailed("Pizza validation failed - remade too often")
        order = {**order, "attempt": order["attempt"] + 1}


def _run_step(ctx: DaprWorkflowContext, activity: str, order: Order, expected: str, failure: str) -> WorkflowGenerator:
    result = yield ctx.call_activity(activity, input=order)
    if result.get("status") != expected:
        raise OrderFailed(f"{failure}: {result.get('error', 'Unknown error')}")
    return result


def _wait_for_decision(ctx: DaprWorkflowContext, order: Order, start: dict[str, Any]) -> WorkflowGenerator:
    # The first orders of v1 were started without reminders and without seals.
    limits = {"reminder": start.get("reminder"), "deadline": start.get("deadline")}
    until = _after(ctx, min(filter(None, limits.values()), default=None))
    while True:
        try:
            event = yield ctx.wait_for_external_event(DECISION_EVENT, timeout=until)
        except TimeoutError:
            state = yield ctx.call_activity("remind_manager", input={"order": order, **limits})
            if state.get("failed"):
                raise OrderFailed(state["failed"]) from None
            if state.get("decision"):
                return state["decision"]
            until = _after(ctx, state["seconds"])
            continue
        if not isinstance(event, dict) or not isinstance(event.get("approved"), bool):
            continue
        if event.get("attempt", order["attempt"]) != order["attempt"]:
            continue
        if event.get("uid", order.get("uid")) != order.get("uid"):
            continue
        # The releases that had v1 marked a recorded decision by a seal. This release does not: it is recorded again.
        if "seals" in start and isinstance(event.get("seal"), str):
            return event
        return (yield ctx.call_activity("record_decision", input={"order": order, "event": event}))


def _after(ctx: DaprWorkflowContext, seconds: float | None) -> datetime | None:
    return None if seconds is None else ctx.current_utc_datetime + timedelta(seconds=seconds)
