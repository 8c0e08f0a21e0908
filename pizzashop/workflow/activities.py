"""What the workflow has done for it: one activity for each thing that the story asks for."""

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from dapr.ext.workflow import WorkflowActivityContext
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from pizzashop.domain.errors import NotFound, Refused, Unavailable
from pizzashop.domain.events import stage_event
from pizzashop.domain.history import Entry, now
from pizzashop.domain.order import COOK_STEP, DELIVER_STEP, ORDER_STEP, PENDING_VALIDATION, Step
from pizzashop.domain.requests import said_text
from pizzashop.roles import DELIVERY, KITCHEN, ORDER, STOREFRONT, Role
from pizzashop.sidecar import Sidecar
from pizzashop.workflow.contents import Contents
from pizzashop.workflow.heartbeat import heartbeat

MARGIN_SECONDS = 30.0
"""How much longer than its stages a step may take before it is asked again."""
PATIENCE_SECONDS = 5.0
"""The longest pause between two tries, while something is away."""
OWN = frozenset({"status", "error", "attempt", "uid", "history", "run"})
"""What the shop itself says of an order, beside what the order says."""

Order = dict[str, Any]
Activity = Callable[[WorkflowActivityContext, dict[str, Any]], Awaitable[dict[str, Any]]]


class Activities:
    """The activities, with what they need handed in. Each may run more than once, and does no harm then.

    Each is told which order it is about, and answers what has become of it: what the order says is read from
    `contents`. In a workflow that began as version v1 the whole order travels, and the answer is as whole.
    """

    def __init__(self, sidecar: Sidecar, pace: float, contents: Contents | None = None) -> None:
        self._sidecar, self._pace = sidecar, pace
        self._contents = contents or Contents(sidecar)

    async def order_pizza(self, _: WorkflowActivityContext, order: Order) -> Order:
        """Have the storefront take the order in."""
        return _brief(order, *await self._do(ORDER_STEP, STOREFRONT, "/order", order))

    async def cook_pizza(self, _: WorkflowActivityContext, order: Order) -> Order:
        """Have the kitchen cook this attempt."""
        return _brief(order, *await self._do(COOK_STEP, KITCHEN, "/cook", order))

    async def validate_pizza(self, _: WorkflowActivityContext, order: Order) -> Order:
        """Put the pizza before the manager: from now on the order reads `pending_validation`."""
        entry = Entry(status=PENDING_VALIDATION, attempt=order["attempt"], at=now())
        key, value = (
            f"validation_{order['order_id']}",
            {"order_id": order["order_id"], "status": PENDING_VALIDATION},
        )
        try:
            whole = await self._whole(order)
        except NotFound:
            whole = order  # deleted meanwhile: nobody needs the rest of it
        await _patiently(self._sidecar.aput, key, json.dumps(value))
        await _patiently(self._sidecar.apublish, stage_event(whole, entry, f"validate-{order['attempt']}"))
        history = [*order.get("history", []), entry.model_dump(exclude_defaults=True)]
        became = {"status": PENDING_VALIDATION, "history": history}
        return {**order, **became} if _is_whole(order) else became

    async def record_decision(self, _: WorkflowActivityContext, said: dict[str, Any]) -> dict[str, Any]:
        """Record a decision that was raised in the engine; answers the one that stands."""
        order, event = said["order"], said["event"]
        approved = event["approved"]
        decision = {
            "order_id": order["order_id"],
            "approved": approved,
            "remake": event.get("remake") is True and not approved,
            "attempt": order["attempt"],
            "history": order.get("history", []),
            **{name: text for name in ("by", "note") if (text := said_text(event.get(name)))},
        }
        try:
            await self._ask_order(order, "decide", decision)
        except Refused as error:
            standing = error.extra.get("decision", "rejected")
            return {"approved": standing == "approved", "remake": standing == "remake"}
        return {"approved": decision["approved"], "remake": decision["remake"]}

    async def remind_manager(self, _: WorkflowActivityContext, waiting: dict[str, Any]) -> dict[str, Any]:
        """Say that the decision is late; answers what stands: it, the order's failure, or how long to wait."""
        order = waiting["order"]
        patience = {
            "attempt": order["attempt"],
            "uid": order.get("uid"),
            "reminder": waiting["reminder"],
            "deadline": waiting["deadline"],
            "history": order.get("history", []),
        }
        try:
            return await self._ask_order(order, "waiting", patience)
        except NotFound:
            return {"failed": "the order was deleted"}

    async def deliver_pizza(self, _: WorkflowActivityContext, order: Order) -> Order:
        """Have the pizza delivered, and write so to the record before the workflow ends."""
        sent, delivered = await self._do(DELIVER_STEP, DELIVERY, "/deliver", order)
        if delivered["status"] != "delivered":
            return _brief(order, sent, delivered)
        end = {"status": "delivered", "uid": order.get("uid"), "history": delivered.get("history", [])}
        record = await self._end(order, end)
        if record["status"] != "delivered":
            return {"status": record["status"], "error": f"the order is {record['status']}"}
        return {name: value for name, value in delivered.items() if name not in ("history", "uid")}

    async def end_order(self, _: WorkflowActivityContext, failure: dict[str, Any]) -> dict[str, Any]:
        """Write to the record that the order failed; answers the workflow's result, by the end that stands."""
        order, error = failure["order"], failure["error"]
        end = {
            "status": "failed",
            "uid": order.get("uid"),
            "error": error,
            "history": order.get("history", []),
        }
        record = await self._end(order, end)
        order_id = order["order_id"]
        if record["status"] == "delivered":
            return {"order_id": order_id, "status": "completed", "final_status": "delivered"}
        return {"order_id": order_id, "status": "failed", "error": record.get("error") or record["status"]}

    def heartbeat(self, order: Order) -> AbstractAsyncContextManager[None]:
        """While it is open the record of the order hears that an activity is under way."""
        return heartbeat(self._sidecar, order["order_id"], order.get("uid"))

    def all(self) -> list[Activity]:
        """Every activity, under the name that the workflow calls it by."""
        return [
            self.order_pizza,
            self.cook_pizza,
            self.validate_pizza,
            self.record_decision,
            self.remind_manager,
            self.deliver_pizza,
            self.end_order,
        ]

    async def _do(self, step: Step, role: Role, path: str, order: Order) -> tuple[Order, Order]:
        """Have `role` do a step; answers the order as it was sent, and as it came back."""
        seconds = sum(stage.seconds for stage in step.stages) * self._pace + MARGIN_SECONDS
        sent = order
        try:
            sent = await self._whole(order)
            answer: Order = await _patiently(self._sidecar.ainvoke, role, path, sent, seconds)
        except Refused as error:
            return sent, {"status": "refused", "error": str(error)}
        return sent, answer

    async def _whole(self, order: Order) -> Order:
        """The order with all that it says; raises NotFound where it was deleted."""
        if _is_whole(order):
            return order
        content = await _patiently(self._contents.of, order["order_id"], order["uid"])
        known = {name: value for name, value in order.items() if name != "more"}
        return {**content, **order.get("more", {}), **known}

    async def _end(self, order: Order, end: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self._ask_order(order, "end", end)
        except NotFound:
            return {"status": end["status"], "error": end.get("error")}

    async def _ask_order(self, order: Order, what: str, content: dict[str, Any]) -> dict[str, Any]:
        path = f"/order/{order['order_id']}/{what}"
        answer: dict[str, Any] = await _patiently(self._sidecar.ainvoke, ORDER, path, content, 10.0)
        return answer


def _is_whole(order: Order) -> bool:
    """Whether it travels with all that it says, as in version v1: no order is without a type of pizza."""
    return "pizza_type" in order


def _brief(order: Order, sent: Order, answer: Order) -> Order:
    """What became of a step: its status, its error, and the fields that the role has added to the order or changed."""
    if _is_whole(order):
        return answer
    brief: Order = {name: answer[name] for name in ("status", "error") if name in answer}
    added = {name: value for name, value in answer.items() if name not in OWN and (name, value) not in sent.items()}
    more = {**order.get("more", {}), **added}
    return {**brief, "more": more} if more else brief


async def _patiently(call: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    """Try again for as long as something is away: in here a wait costs nothing, and the history does not grow."""
    waiting = wait_random_exponential(multiplier=0.1, max=PATIENCE_SECONDS)
    retrying = AsyncRetrying(retry=retry_if_exception_type(Unavailable), wait=waiting, reraise=True)
    return await retrying(call, *arguments)
