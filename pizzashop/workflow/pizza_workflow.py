"""The story of an order, from start to end. It decides what is next and does nothing itself: activities do.

The engine runs this from the top at every turn and feeds it what happened so far, so it must decide the same every
time: no clock, no chance, no settings but those in its input.

What the customer sent does not travel with it: the engine keeps and sends all that passes through here again and again,
and stalls a workflow that grows too large. Each activity reads it from the order's record.
"""

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

from dapr.ext.workflow import DaprWorkflowContext
from dapr.ext.workflow._durabletask.task import TaskFailedError

from pizzashop.domain.decisions import fits

Order = dict[str, Any]
"""Which order: `order_id`, `uid` and `attempt`; and what its record may not have heard of yet, `history`."""
Steps = Generator[Any, Any, Any]

NAME = "pizza_workflow"
DECISION_EVENT = "ValidationComplete"
DECISION_FIELDS = ("approved", "remake", "by", "note")
"""What counts of a decision that somebody raised in the engine."""


class OrderFailed(Exception):
    """The order cannot go on; the text is what its record will say."""


def pizza_workflow(ctx: DaprWorkflowContext, plan: dict[str, Any]) -> Steps:
    """Bring `plan["order"]` to its end; how long, and how often, is for the rest of the plan to say."""
    order = plan["order"]
    try:
        order = yield from _step(ctx, "order_pizza", order, "confirmed", "Order failed")
        order = yield from _good_pizza(ctx, order, plan)
        delivered = yield ctx.call_activity("deliver_pizza", input=order)
        _require(delivered, "delivered", "Delivery failed")
    except (OrderFailed, TaskFailedError) as error:
        return (yield ctx.call_activity("end_order", input={"order": order, "error": str(error)}))
    return {
        "order_id": order["order_id"],
        "status": "completed",
        "final_status": "delivered",
        "delivery_result": delivered,
    }


def _good_pizza(ctx: DaprWorkflowContext, order: Order, plan: dict[str, Any]) -> Steps:
    """Cook until the manager approves; answers the order with the attempt that was good."""
    # Begun again, an order may have its decision already.
    is_known = bool(plan["restarted"])
    while True:
        order = yield from _step(ctx, "cook_pizza", order, "cooked", "Cooking failed")
        order = {**order, **(yield ctx.call_activity("validate_pizza", input=order))}
        decision = yield from _decision(ctx, order, plan, is_known)
        if decision["approved"]:
            return order
        if not decision.get("remake"):
            raise OrderFailed("Pizza validation failed - need to remake")
        if order["attempt"] > plan["max_remakes"]:
            raise OrderFailed("Pizza validation failed - remade too often")
        order, is_known = {**order, "attempt": order["attempt"] + 1}, False


def _step(ctx: DaprWorkflowContext, activity: str, order: Order, expected: str, failure: str) -> Steps:
    """Have one step done; answers the order as it is then."""
    result = yield ctx.call_activity(activity, input=order)
    _require(result, expected, failure)
    # The step has told the record of the history that the order brought along.
    return {**order, "history": [], **result}


def _require(result: dict[str, Any], expected: str, failure: str) -> None:
    if result.get("status") != expected:
        raise OrderFailed(f"{failure}: {result.get('error') or 'Unknown error'}")


def _decision(ctx: DaprWorkflowContext, order: Order, plan: dict[str, Any], is_known: bool) -> Steps:
    """Wait for the decision on this attempt; what is said of another one, or makes no sense, is passed over.

    `is_known`: the record may have one, so that it is asked first.
    """
    patience = {"reminder": plan["reminder"], "deadline": plan["deadline"]}
    until = _after(ctx, min(filter(None, patience.values()), default=None))
    while True:
        try:
            if is_known:
                raise TimeoutError
            event = yield ctx.wait_for_external_event(DECISION_EVENT, timeout=until)
        except TimeoutError:
            # The engine's time runs on while the order is paused or decided on: the record knows what it is worth.
            is_known = False
            standing = yield ctx.call_activity("remind_manager", input={"order": order, **patience})
            if standing.get("failed"):
                raise OrderFailed(standing["failed"]) from None
            if standing.get("decision"):
                return standing["decision"]
            until = _after(ctx, standing["seconds"])
            continue
        if not isinstance(event, dict) or not isinstance(event.get("approved"), bool):
            continue
        if event.get("attempt", order["attempt"]) != order["attempt"]:
            continue
        if event.get("uid", order["uid"]) != order["uid"]:
            continue  # it was said of an earlier order that had this id
        if fits(plan["seals"], order["attempt"], event.get("seal")):
            return event
        # Somebody raised it in the engine, past the shop: the record has the last word on it too.
        said = {name: event[name] for name in DECISION_FIELDS if name in event}
        return (yield ctx.call_activity("record_decision", input={"order": order, "event": said}))


def _after(ctx: DaprWorkflowContext, seconds: float | None) -> datetime | None:
    return None if seconds is None else ctx.current_utc_datetime + timedelta(seconds=seconds)
