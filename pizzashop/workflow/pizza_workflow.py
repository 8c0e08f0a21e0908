"""The workflow of an order, from its start to its end. It decides what happens next; activities do it.

The engine runs this function again from its start at every turn, with all results and events so far. So the function
must decide the same every time: it uses no clock, no randomness, and no setting that is not part of its input.

The order's content does not travel through the engine: each activity reads it from the record. The engine keeps every
input and every result, and stalls a workflow that grows too large.
"""

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

from dapr.ext.workflow import DaprWorkflowContext, TaskFailedError

WORKFLOW_NAME = "pizza_workflow"
DECISION_EVENT = "ValidationComplete"

# What the workflow keeps of an order: `order_id`, `uid`, `attempt` and `status`, and in `more` what the roles added.
OrderState = dict[str, Any]
# A workflow yields what it waits for, and gets the result.
WorkflowGenerator = Generator[Any, Any, Any]

# The fields that the workflow reads of a decision that a client raised directly in the engine.
_DECISION_FIELDS = ("approved", "remake", "by", "note")


class OrderFailed(Exception):
    """The order cannot go on; the text is the `error` of its record."""


def pizza_workflow(ctx: DaprWorkflowContext, start: dict[str, Any]) -> WorkflowGenerator:
    """Process the order `start["order"]`, by the settings that are the rest of `start`."""
    order = start["order"]
    try:
        order = yield from _run_step(ctx, "order_pizza", order, "confirmed", "Order failed")
        order = yield from _cook_until_approved(ctx, order, start)
        delivery = yield ctx.call_activity("deliver_pizza", input=order)
        _require_status(delivery, "delivered", "Delivery failed")
    except (OrderFailed, TaskFailedError) as error:
        return (yield ctx.call_activity("end_order", input={"order": order, "error": str(error)}))
    return {
        "order_id": order["order_id"],
        "status": "completed",
        "final_status": "delivered",
        "delivery_result": delivery,
    }


def _cook_until_approved(ctx: DaprWorkflowContext, order: OrderState, start: dict[str, Any]) -> WorkflowGenerator:
    """Cook one attempt after another until the manager approves one. Return the order with that attempt."""
    # The manager may have decided before the workflow was restarted.
    may_be_decided = bool(start["restarted"])
    while True:
        order = yield from _run_step(ctx, "cook_pizza", order, "cooked", "Cooking failed")
        order = yield from _run_step(ctx, "validate_pizza", order, "pending_validation", "Pizza validation failed")
        decision = yield from _wait_for_decision(ctx, order, start, may_be_decided)
        if decision["approved"]:
            return order
        if not decision.get("remake"):
            raise OrderFailed("Pizza validation failed - need to remake")
        if order["attempt"] > start["max_remakes"]:
            raise OrderFailed("Pizza validation failed - remade too often")
        order, may_be_decided = {**order, "attempt": order["attempt"] + 1}, False


def _wait_for_decision(
    ctx: DaprWorkflowContext, order: OrderState, start: dict[str, Any], may_be_decided: bool
) -> WorkflowGenerator:
    """Wait for the decision on this attempt. Ignore events that are for another attempt or order, or are invalid."""
    limits = {"reminder": start["reminder"], "deadline": start["deadline"]}
    until = _after(ctx, min(filter(None, limits.values()), default=None))
    must_ask = may_be_decided
    while True:
        if must_ask:
            state = yield ctx.call_activity("remind_manager", input={"order": order, **limits})
            if state.get("failed"):
                raise OrderFailed(state["failed"])
            if state.get("decision"):
                return state["decision"]
            until = _after(ctx, state["seconds"])
        try:
            event = yield ctx.wait_for_external_event(DECISION_EVENT, timeout=until)
        except TimeoutError:
            # The engine's timer runs on while the order is paused, so only the record knows whether the time is over.
            must_ask = True
            continue
        must_ask = False
        if not _is_decision_on(event, order):
            continue
        if event.get("recorded") is True and {"attempt", "uid"} <= event.keys():
            return event
        # A client raised it directly in the engine, so it is not in the record yet. The record may have another one.
        decision = {name: event[name] for name in _DECISION_FIELDS if name in event}
        return (yield ctx.call_activity("record_decision", input={"order": order, "event": decision}))


def _is_decision_on(event: Any, order: OrderState) -> bool:
    """Return whether an event is a decision on this attempt of this order, and not of an earlier one with this id."""
    if not isinstance(event, dict) or not isinstance(event.get("approved"), bool):
        return False
    return all(event.get(name, order[name]) == order[name] for name in ("attempt", "uid"))


def _run_step(
    ctx: DaprWorkflowContext, activity: str, order: OrderState, expected: str, failure: str
) -> WorkflowGenerator:
    """Run one step by its activity. Return the order with the result of the step."""
    result = yield ctx.call_activity(activity, input=order)
    _require_status(result, expected, failure)
    return {**order, **result}


def _require_status(result: dict[str, Any], expected: str, failure: str) -> None:
    if result.get("status") != expected:
        raise OrderFailed(f"{failure}: {result.get('error') or 'Unknown error'}")


def _after(ctx: DaprWorkflowContext, seconds: float | None) -> datetime | None:
    return None if seconds is None else ctx.current_utc_datetime + timedelta(seconds=seconds)
