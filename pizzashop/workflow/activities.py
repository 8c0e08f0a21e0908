"""What the workflow has done for it: one activity for each thing that the story asks for."""

import asyncio
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

from dapr.ext.workflow import WorkflowActivityContext
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from pizzashop.dapr.sidecar import Sidecar
from pizzashop.domain.events import build_stage_event
from pizzashop.domain.history import HistoryEntry, utc_timestamp
from pizzashop.domain.lifecycle import COOK_STEP, DELIVER_STEP, ORDER_STEP, PENDING_VALIDATION, Step
from pizzashop.domain.requests import truncate_text
from pizzashop.errors import NotFound, Refused, Unavailable
from pizzashop.roles import DELIVERY, KITCHEN, ORDER, STOREFRONT, Role

MOST_CHARACTERS = 8 * 1024 * 1024
"""The size of the cache; beyond it the oldest contents are dropped and read from the record when needed."""

Key = tuple[str, str]


class ContentCache:
    """The contents by order id and uid, the latest `most` characters of them; for any number of threads."""

    def __init__(self, sidecar: Sidecar, most: int = MOST_CHARACTERS) -> None:
        self._sidecar, self._most = sidecar, most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, str] = OrderedDict()
        self._size = 0

    def keep(self, order_id: str, uid: str, content: dict[str, Any]) -> None:
        """Remember the content of an order that was accepted."""
        text = json.dumps(content)
        with self._lock:
            self._size += len(text) - len(self._kept.pop((order_id, uid), ""))
            self._kept[order_id, uid] = text
            while self._size > self._most:
                self._size -= len(self._kept.popitem(last=False)[1])

    async def of(self, order_id: str, uid: str | None) -> dict[str, Any]:
        """Answer the content; raises NotFound where the order was deleted, and Unavailable."""
        text = self._kept.get((order_id, uid or ""))
        if text is not None:
            kept: dict[str, Any] = json.loads(text)
            return kept
        path = f"/order/{order_id}/content"
        content: dict[str, Any] = await self._sidecar.ainvoke(ORDER, path, {"uid": uid}, 10.0)
        if uid is not None:
            self.keep(order_id, uid, content)
        return content


EVERY_SECONDS = 15.0
"""Longer than any step takes at pace 1 (13 s), so that an order without delay sends no heartbeat."""

log = logging.getLogger(__name__)


@asynccontextmanager
async def heartbeat(sidecar: Sidecar, order_id: str, uid: str | None) -> AsyncIterator[None]:
    """Note in the order's record, every EVERY_SECONDS, that an activity of the order is still running."""
    beating = asyncio.create_task(_beat(sidecar, order_id, uid))
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


async def _beat(sidecar: Sidecar, order_id: str, uid: str | None) -> None:
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await sidecar.ainvoke(ORDER, f"/order/{order_id}/heartbeat", {"uid": uid}, EVERY_SECONDS)
        except (Refused, Unavailable) as error:
            # A missed heartbeat is harmless: while role `order` is down the sweep finds no stuck orders either.
            log.debug("no heartbeat: %s", error, extra={"order": order_id})


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

    def __init__(self, sidecar: Sidecar, pace: float, contents: ContentCache | None = None) -> None:
        self._sidecar, self._pace = sidecar, pace
        self._contents = contents or ContentCache(sidecar)

    async def order_pizza(self, _: WorkflowActivityContext, order: Order) -> Order:
        """Have the storefront take the order in."""
        return _result(order, *await self._do(ORDER_STEP, STOREFRONT, "/order", order))

    async def cook_pizza(self, _: WorkflowActivityContext, order: Order) -> Order:
        """Have the kitchen cook this attempt."""
        return _result(order, *await self._do(COOK_STEP, KITCHEN, "/cook", order))

    async def validate_pizza(self, _: WorkflowActivityContext, order: Order) -> Order:
        """Put the pizza before the manager: from now on the order reads `pending_validation`."""
        entry = HistoryEntry(status=PENDING_VALIDATION, attempt=order["attempt"], at=utc_timestamp())
        key, value = (
            f"validation_{order['order_id']}",
            {"order_id": order["order_id"], "status": PENDING_VALIDATION},
        )
        try:
            whole = await self._whole(order)
        except NotFound:
            whole = order  # deleted meanwhile: nobody needs the rest of it
        await _patiently(self._sidecar.aput, key, json.dumps(value))
        await _patiently(self._sidecar.apublish, build_stage_event(whole, entry, f"validate-{order['attempt']}"))
        history = [*order.get("history", []), entry.model_dump(exclude_defaults=True)]
        became = {"status": PENDING_VALIDATION, "history": history}
        return {**order, **became} if _has_content(order) else became

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
            **{name: text for name in ("by", "note") if (text := truncate_text(event.get(name)))},
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
            return _result(order, sent, delivered)
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
        if _has_content(order):
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


def _has_content(order: Order) -> bool:
    """Whether it travels with all that it says, as in version v1: no order is without a type of pizza."""
    return "pizza_type" in order


def _result(order: Order, sent: Order, answer: Order) -> Order:
    """What became of a step: its status, its error, and the fields that the role has added to the order or changed."""
    if _has_content(order):
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
