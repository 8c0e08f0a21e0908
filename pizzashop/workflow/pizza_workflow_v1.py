"""The workflow of an order in version v1: the whole order travels with it.

Orders in flight may have begun with it, and the engine goes on with the version that an order began with. So this file
shares no step with the present version and is not changed: a change to either must not alter the other's decisions.

It decides what is next and does nothing itself: activities do.

The engine runs this from the top at every turn and feeds it what happened so far, so it must decide the same every
time: no clock, no chance, no settings but those in its input.
"""

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

from dapr.ext.workflow import DaprWorkflowContext
from dapr.ext.workflow._durabletask.task import TaskFailedError

from pizzashop.domain.decisions import fits
from pizzashop.workflow.pizza_workflow import DECISION_EVENT, OrderFailed

Order = dict[str, Any]
Story = Generator[Any, Any, Any]


def pizza_workflow_v1(ctx: DaprWorkflowContext, plan: dict[str, Any]) -> Story:
    """Bring `plan["order"]` to its end; how long, and how often, is for the rest of the plan to say."""
    order = plan["order"]
    try:
        order = yield from _step(ctx, "order_pizza", order, "confirmed", "Order failed")
        order = yield from _good_pizza(ctx, order, plan)
        result = yield from _step(ctx, "deliver_pizza", order, "delivered", "Delivery failed")
    except (OrderFailed, TaskFailedError) as error:
        return (yield ctx.call_activity("end_order", input={"order": order, "error": str(error)}))
    return {
        "order_id": order["order_id"],
        "status": "completed",
        "final_status": "delivered",
        "delivery_result": result,
    }


def _good_pizza(ctx: DaprWorkflowContext, order: Order, plan: dict[str, Any]) -> Story:
    """Cook until the manager approves; answers the order with the attempt that was good."""
    # An order that was started before there were reminders waits without any.
    patience, seals = {"reminder": plan.get("reminder"), "deadline": plan.get("deadline")}, plan.get("seals", [])
    while True:
        order = yield from _step(ctx, "cook_pizza", order, "cooked", "Cooking failed")
        order = yield ctx.call_activity("validate_pizza", input=order)
        decision = yield from _decision(ctx, order, patience, seals)
        if decision["approved"]:
            return order
        if not decision.get("remake"):
            raise OrderFailed("Pizza validation failed - need to remake")
        if order["attempt"] > plan["max_remakes"]:
            raise OrderFailed("Pizza validation failed - remade too often")
        order = {**order, "attempt": order["attempt"] + 1}


def _step(ctx: DaprWorkflowContext, activity: str, order: Order, expected: str, failure: str) -> Story:
    result = yield ctx.call_activity(activity, input=order)
    if result.get("status") != expected:
        raise OrderFailed(f"{failure}: {result.get('error', 'Unknown error')}")
    return result


def _decision(ctx: DaprWorkflowContext, order: Order, patience: dict[str, Any], seals: list[str]) -> Story:
    """Wait for the decision on this attempt; what is said of another one, or makes no sense, is passed over."""
    until = _after(ctx, min(filter(None, patience.values()), default=None))
    while True:
        try:
            event = yield ctx.wait_for_external_event(DECISION_EVENT, timeout=until)
        except TimeoutError:
            # The engine's time runs on while the order is paused or decided on: the record knows what it is worth.
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
        if event.get("uid", order.get("uid")) != order.get("uid"):
            continue  # it was said of an earlier order that had this id
        if fits(seals, order["attempt"], event.get("seal")):
            return event
        # Somebody raised it in the engine, past the shop: the record has the last word on it too.
        return (yield ctx.call_activity("record_decision", input={"order": order, "event": event}))


def _after(ctx: DaprWorkflowContext, seconds: float | None) -> datetime | None:
    return None if seconds is None else ctx.current_utc_datetime + timedelta(seconds=seconds)
