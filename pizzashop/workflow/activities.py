"""The activities of the workflow: its calls of other roles, of the record and of the topic.

The engine may run an activity more than once, so each is idempotent. It also keeps every input and result. So an
activity gets only the id of the order, and reads its content from the record. In version v1 the whole order travels
(`_is_whole`).
"""

import asyncio
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from dapr.ext.workflow import WorkflowActivityContext

from pizzashop.dapr.retries import retry_forever
from pizzashop.dapr.sidecar import INVOKE_SECONDS, Sidecar
from pizzashop.domain.claims import Claim, ClaimAnswer, ClaimAnswers
from pizzashop.domain.events import build_stage_event
from pizzashop.domain.history import HistoryEntry, utc_timestamp
from pizzashop.domain.lifecycle import PENDING_VALIDATION, STEPS, VALIDATE_STEP
from pizzashop.domain.requests import RESERVED_FIELDS, truncate_text
from pizzashop.errors import Conflict, NotFound, Refused, Unavailable
from pizzashop.roles import DELIVERY, KITCHEN, ORDER, STOREFRONT, Role
from pizzashop.steps.routes import STEP_ROUTES
from pizzashop.workflow.pizza_workflow import OrderState

# The size of the cache of order contents, about as many bytes.
MAX_CACHED_CHARACTERS = 8 * 1024 * 1024
# Longer than any step takes at pace 1, so that an order without delay sends no heartbeat.
ACTIVITY_HEARTBEAT_SECONDS = max(step.seconds for step in STEPS) + 2.0
# How much longer than its stages a step may take before it is requested again.
_STEP_MARGIN_SECONDS = 30.0
# The longest pause between two tries while a service is unavailable.
_MAX_PAUSE_SECONDS = 5.0

Activity = Callable[[WorkflowActivityContext, dict[str, Any]], Awaitable[dict[str, Any]]]
T = TypeVar("T")

log = logging.getLogger(__name__)


class ContentCache:
    """The contents of orders by id and uid, the latest `max_characters` of them. Thread-safe."""

    def __init__(self, sidecar: Sidecar, max_characters: int = MAX_CACHED_CHARACTERS) -> None:
        self._sidecar, self._max_characters = sidecar, max_characters
        self._lock = threading.Lock()
        self._contents: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._characters = 0

    def put(self, order_id: str, uid: str, content: dict[str, Any]) -> None:
        """Keep the content of an accepted order, and drop the oldest ones beyond the size."""
        text = json.dumps(content)
        with self._lock:
            self._characters += len(text) - len(self._contents.pop((order_id, uid), ""))
            self._contents[order_id, uid] = text
            while self._characters > self._max_characters:
                self._characters -= len(self._contents.popitem(last=False)[1])

    async def get(self, order_id: str, uid: str) -> dict[str, Any]:
        """Return the content, from the record if need be. Raise NotFound for a deleted order, and Unavailable."""
        text = self._contents.get((order_id, uid))
        if text is not None:
            cached: dict[str, Any] = json.loads(text)
            return cached
        content: dict[str, Any] = await self._sidecar.ainvoke(
            ORDER, f"/order/{order_id}/content", {"uid": uid}, INVOKE_SECONDS
        )
        self.put(order_id, uid, content)
        return content


class Activities:
    """The activities, each under the name by which the workflow calls it."""

    def __init__(
        self,
        sidecar: Sidecar,
        pace: float,
        contents: ContentCache,
        heartbeat_seconds: float = ACTIVITY_HEARTBEAT_SECONDS,
        max_steps: int = 1024,
    ) -> None:
        self._sidecar, self._pace, self._contents = sidecar, pace, contents
        # A role refuses steps beyond its limit, so the others wait here, the first one first.
        self._step_limits = {role: asyncio.Semaphore(max_steps) for role in STEP_ROUTES}
        self._heartbeat_seconds = heartbeat_seconds

    async def order_pizza(self, _: WorkflowActivityContext, order: OrderState) -> OrderState:
        """Have the storefront take the order in."""
        return _step_result(order, *await self._run_step(STOREFRONT, order))

    async def cook_pizza(self, _: WorkflowActivityContext, order: OrderState) -> OrderState:
        """Have the kitchen cook this attempt."""
        return _step_result(order, *await self._run_step(KITCHEN, order))

    async def validate_pizza(self, _: WorkflowActivityContext, order: OrderState) -> OrderState:
        """Put the pizza before the manager: write `pending_validation` to the record, then publish it."""
        # The run has the same id when it is repeated after a crash, and so publishes the same event.
        run = f"validate-{order['attempt']}"
        question = {"order_id": order["order_id"], "status": PENDING_VALIDATION}
        result = {"status": PENDING_VALIDATION}
        try:
            content = await self._load(order)
            # The shop does not read this key: it is for clients of Dapr's workshop, from which the shop started. They
            # may look for it as soon as the record reads `pending_validation`, so it comes first.
            await _retry(self._sidecar.aput, f"validation_{order['order_id']}", json.dumps(question))
            stages = await self._begin_validation(order, run)
            for stage in stages:
                await _retry(self._sidecar.apublish, build_stage_event(content, stage, run))
        except Refused as error:
            result = {"status": "refused", "error": str(error)}
        return {**order, **result} if _is_whole(order) else result

    async def record_decision(self, _: WorkflowActivityContext, raised: dict[str, Any]) -> dict[str, Any]:
        """Record a decision that was raised directly in the engine. Return the decision that counts."""
        order, event = raised["order"], raised["event"]
        approved = event["approved"]
        decision = {
            "order_id": order["order_id"],
            "approved": approved,
            "remake": event.get("remake") is True and not approved,
            "attempt": order["attempt"],
            **{name: text for name in ("by", "note") if (text := truncate_text(event.get(name)))},
        }
        try:
            await self._post(order, "decide", decision)
        except Refused as error:
            first = error.extra.get("decision", "rejected")
            return {"approved": first == "approved", "remake": first == "remake"}
        return {"approved": decision["approved"], "remake": decision["remake"]}

    async def remind_manager(self, _: WorkflowActivityContext, query: dict[str, Any]) -> dict[str, Any]:
        """Return the decision that counts, why the order has failed, or for how long to wait; mark it as overdue.

        The name says less, but the histories of workflows in flight contain it.
        """
        order = query["order"]
        limits = {"reminder": query["reminder"], "deadline": query["deadline"]}
        try:
            return await self._post(
                order, "decision-state", {"attempt": order["attempt"], "uid": order.get("uid"), **limits}
            )
        except NotFound:
            return {"failed": "the order was deleted"}

    async def deliver_pizza(self, _: WorkflowActivityContext, order: OrderState) -> OrderState:
        """Have the pizza delivered, and write the end to the record before the workflow ends."""
        sent, delivered = await self._run_step(DELIVERY, order)
        if delivered["status"] != "delivered":
            return _step_result(order, sent, delivered)
        record = await self._end(order, "delivered")
        if record["status"] != "delivered":
            return {"status": record["status"], "error": f"the order is {record['status']}"}
        return {name: value for name, value in delivered.items() if name not in ("history", "uid")}

    async def end_order(self, _: WorkflowActivityContext, failure: dict[str, Any]) -> dict[str, Any]:
        """Write the failure to the record. Return the workflow's result, by the end that counts."""
        order_id = failure["order"]["order_id"]
        record = await self._end(failure["order"], "failed", failure["error"])
        if record["status"] == "delivered":
            return {"order_id": order_id, "status": "completed", "final_status": "delivered"}
        return {"order_id": order_id, "status": "failed", "error": record.get("error") or record["status"]}

    def all(self) -> list[Activity]:
        """Return every activity."""
        return [
            self.order_pizza,
            self.cook_pizza,
            self.validate_pizza,
            self.record_decision,
            self.remind_manager,
            self.deliver_pizza,
            self.end_order,
        ]

    @asynccontextmanager
    async def heartbeat(self, order: OrderState) -> AsyncIterator[None]:
        """Report to the record, every now and then, that an activity of the order is still running."""
        task = asyncio.create_task(self._send_heartbeats(order))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _send_heartbeats(self, order: OrderState) -> None:
        path, content = f"/order/{order['order_id']}/heartbeat", {"uid": order.get("uid")}
        while True:
            await asyncio.sleep(self._heartbeat_seconds)
            try:
                await self._sidecar.ainvoke(ORDER, path, content, INVOKE_SECONDS)
            except (Refused, Unavailable) as error:
                # Harmless: while role `order` is away, the reconciler finds no stuck orders either.
                log.debug("could not send a heartbeat: %s", error, extra={"order": order["order_id"]})

    async def _run_step(self, role: Role, order: OrderState) -> tuple[OrderState, OrderState]:
        """Have `role` run its step. Return the order as it was sent, and the role's answer."""
        path, step = STEP_ROUTES[role]
        seconds = step.seconds * self._pace + _STEP_MARGIN_SECONDS
        sent = order
        try:
            async with self._step_limits[role]:
                sent = await self._load(order)
                return sent, await _retry(self._sidecar.ainvoke, role, path, sent, seconds)
        except Refused as error:
            return sent, {"status": "refused", "error": str(error)}

    async def _begin_validation(self, order: OrderState, run: str) -> list[HistoryEntry]:
        """Begin `pending_validation` in the record. Return it as it was recorded the first time."""
        stage = HistoryEntry(status=PENDING_VALIDATION, attempt=order["attempt"], at=utc_timestamp())
        claim = Claim(
            order_id=order["order_id"],
            step=VALIDATE_STEP.name,
            attempt=order["attempt"],
            run=run,
            uid=order.get("uid"),
            stages=[stage],
        ).model_dump(exclude_none=True)

        async def send() -> ClaimAnswer:
            sent = self._sidecar.ainvoke(ORDER, "/claims", {"claims": [claim]}, INVOKE_SECONDS)
            (answer,) = ClaimAnswers.parse(await sent).answers
            if answer.result == "taken":
                raise Unavailable("Another run has a step of this order")
            return answer.require_available()

        answer = await _retry(send)
        if answer.result == "closed":
            raise Conflict(f"Order {order['order_id']} is closed: {answer.error}")
        return answer.begun_stages

    async def _load(self, order: OrderState) -> OrderState:
        """Return the order with its whole content. Raise NotFound when it was deleted."""
        if _is_whole(order):
            return order
        content = await _retry(self._contents.get, order["order_id"], order["uid"])
        known = {name: value for name, value in order.items() if name != "more"}
        return {**content, **order.get("more", {}), **known}

    async def _end(self, order: OrderState, status: str, error: str | None = None) -> dict[str, Any]:
        try:
            return await self._post(order, "end", {"status": status, "uid": order.get("uid"), "error": error})
        except NotFound:
            return {"status": status, "error": error}

    async def _post(self, order: OrderState, command: str, content: dict[str, Any]) -> dict[str, Any]:
        path = f"/order/{order['order_id']}/{command}"
        answer: dict[str, Any] = await _retry(self._sidecar.ainvoke, ORDER, path, content, INVOKE_SECONDS)
        return answer


def _is_whole(order: OrderState) -> bool:
    """Return whether the whole order travels, as in version v1: no order is without a type of pizza."""
    return "pizza_type" in order


def _step_result(order: OrderState, sent: OrderState, answer: OrderState) -> OrderState:
    """Return the status and the error of a step, and in `more` the fields that the role added or changed."""
    if _is_whole(order):
        return answer
    result: OrderState = {name: answer[name] for name in ("status", "error") if name in answer}
    changed = {n: value for n, value in answer.items() if n not in RESERVED_FIELDS and (n, value) not in sent.items()}
    more = {**order.get("more", {}), **changed}
    return {**result, "more": more} if more else result


async def _retry(call: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    """Call until the service is available: a wait costs nothing here, and the workflow's history does not grow."""
    return await retry_forever(partial(call, *arguments), max_pause=_MAX_PAUSE_SECONDS)
