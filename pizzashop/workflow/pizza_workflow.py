"""The story of an order, from start to end. It decides what is next and does nothing itself: activities do.

The engine runs this from the top at every turn and feeds it what happened so far, so it must decide the same every
time: no clock, no chance, no settings but those in its input.
"""

from collections.abc import Generator
from typing import Any

from dapr.ext.workflow import DaprWorkflowContext
from dapr.ext.workflow._durabletask.task import TaskFailedError

Order = dict[str, Any]
Story = Generator[Any, Any, Any]

NAME = "pizza_workflow"
DECIDED = "ValidationComplete"


class OrderFailed(Exception):
    """The order cannot go on; the text is what its record will say."""


def pizza_workflow(ctx: DaprWorkflowContext, plan: dict[str, Any]) -> Story:
    """Bring `plan["order"]` to its end; `plan["max_remakes"]` says how often a pizza may be made again."""
    order = plan["order"]
    try:
        order = yield from _step(ctx, "order_pizza", order, "confirmed", "Order failed")
        order = yield from _good_pizza(ctx, order, plan["max_remakes"])
        result = yield from _step(ctx, "deliver_pizza", order, "delivered", "Delivery failed")
    except (OrderFailed, TaskFailedError) as error:
        return (yield ctx.call_activity("end_order", input={"order": order, "error": str(error)}))
    return {
        "order_id": order["order_id"],
        "status": "completed",
        "final_status": "delivered",
        "delivery_result": result,
    }


def _good_pizza(ctx: DaprWorkflowContext, order: Order, max_remakes: int) -> Story:
    """Cook until the manager approves; answers the order with the attempt that was good."""
    while True:
        order = yield from _step(ctx, "cook_pizza", order, "cooked", "Cooking failed")
        order = yield ctx.call_activity("validate_pizza", input=order)
        decision = yield from _decision(ctx, order)
        if decision["approved"]:
            return order
        if not decision.get("remake"):
            raise OrderFailed("Pizza validation failed - need to remake")
        if order["attempt"] > max_remakes:
            raise OrderFailed("Pizza validation failed - remade too often")
        order = {**order, "attempt": order["attempt"] + 1}


def _step(ctx: DaprWorkflowContext, activity: str, order: Order, expected: str, failure: str) -> Story:
    result = yield ctx.call_activity(activity, input=order)
    if result.get("status") != expected:
        raise OrderFailed(f"{failure}: {result.get('error', 'Unknown error')}")
    return result


def _decision(ctx: DaprWorkflowContext, order: Order) -> Story:
    """Wait for the decision on this attempt; what is said of another one, or makes no sense, is passed over."""
    while True:
        event = yield ctx.wait_for_external_event(DECIDED)
        if not isinstance(event, dict) or not isinstance(event.get("approved"), bool):
            continue
        if event.get("attempt", order["attempt"]) != order["attempt"]:
            continue
        if event.get("recorded"):
            return event
        # Somebody raised it in the engine, past the shop: the record has the last word on it too.
        return (yield ctx.call_activity("record_decision", input={"order": order, "event": event}))
