"""The commands on orders.

Start, decide and cancel write the record first, and then call the engine. Pause and resume take a lease, call the
engine, and then write the record. Every command may be repeated: the reconciler repeats those that a crash left
half-done.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import uuid4

from pizzashop import tracing
from pizzashop.dapr.retries import retry
from pizzashop.dapr.sidecar import Sidecar
from pizzashop.domain.lifecycle import CANCELLED, FINAL
from pizzashop.domain.requests import ORDER_ID_PATTERN, DecisionRequest, OrderCommand
from pizzashop.domain.suspension import SUSPENSION_LEASE_SECONDS, SuspensionAnswer
from pizzashop.errors import NotFound, Unavailable
from pizzashop.roles import ORDER
from pizzashop.settings import Settings
from pizzashop.workflow.activities import ContentCache
from pizzashop.workflow.capacity import StartQueue
from pizzashop.workflow.engine import DaprEngine

Recovery = Literal["woken", "restarted"]

# While the engine shows one of these for a workflow, its order cannot have been deleted.
_ACTIVE_STATUSES = ("RUNNING", "PENDING", "SUSPENDED", "STALLED")

log = logging.getLogger(__name__)


class OrderCommands:
    """Start, decide, pause, resume, cancel and recover orders."""

    def __init__(
        self, sidecar: Sidecar, engine: DaprEngine, settings: Settings, contents: ContentCache, starts: StartQueue
    ) -> None:
        self._sidecar, self._engine, self._contents, self._starts = sidecar, engine, contents, starts
        self._settings: dict[str, Any] = {
            "max_remakes": settings.max_remakes,
            "reminder": settings.validation_reminder,
            "deadline": settings.validation_deadline,
        }

    def start(self, order_id: str, order: dict[str, Any]) -> None:
        """Accept the order, and start its workflow unless it has started already: now, or when it is its turn.

        Raise Unavailable when the order is not accepted, or its workflow could not be started.
        """
        with self._starts.accept():
            record = self._accept(order_id, order)
        self._queue_start(record)

    def start_again(self, order_id: str, order: dict[str, Any]) -> None:
        """Start the workflow of an accepted order that a crash kept from the engine."""
        if order_id not in self._starts:
            self._queue_start(self._accept(order_id, order))

    def decide(self, decision: DecisionRequest) -> None:
        """Record the manager's decision, then raise it in the engine."""
        content = decision.model_dump(exclude_none=True)
        record = self._post(decision.order_id, "decide", content)
        tracing.link(record.get("traceparent"))
        if record["status"] in FINAL:
            return
        # The engine keeps each event: `by` and `note` are in the record alone.
        fields = {name: content[name] for name in ("order_id", "approved", "remake")}
        event = {**fields, "attempt": decision.attempt or record["attempt"], "uid": record["uid"], "recorded": True}
        raise_decision = partial(self._engine.decide, decision.order_id, event)
        if not self._starts.call_after_start(decision.order_id, raise_decision):
            # Another process may have accepted the order and not started it: the reconciler raises the decision later.
            with suppress(NotFound):
                raise_decision()

    def pause(self, command: OrderCommand) -> None:
        """Suspend the workflow after its present step."""
        with suspension_lease(self._sidecar, command.order_id) as holder:
            self._engine.pause(command.order_id)
            self._post(command.order_id, "pause", {**command.model_dump(exclude_none=True), "holder": holder})

    def resume(self, command: OrderCommand) -> None:
        """Resume a suspended workflow."""
        with suspension_lease(self._sidecar, command.order_id) as holder:
            self._engine.resume(command.order_id)
            self._post(command.order_id, "resume", {**command.model_dump(exclude_none=True), "holder": holder})

    def reapply_suspension(self, order_id: str) -> None:
        """Suspend or resume the workflow as the record says, after a caller crashed in between."""
        with suspension_lease(self._sidecar, order_id):
            if read_summary(self._sidecar, order_id)["paused"]:
                self._engine.pause(order_id)
            else:
                self._engine.resume(order_id)

    def cancel(self, command: OrderCommand, *, force: bool = False) -> None:
        """Cancel the order: once its record says so, no step begins, and it can end in no other way.

        With `force`, end it also when the engine does not terminate its workflow.
        """
        order_id = command.order_id
        record = self._post(order_id, "cancel", command.model_dump(exclude_none=True))
        if record["status"] == CANCELLED:
            return
        if self._wait_for_end_of_suspension_lease(order_id)["uid"] != record["uid"]:
            return  # It was cancelled and deleted meanwhile, and another order has its id.
        try:
            self._engine.terminate(order_id)
        except Unavailable as error:
            if not force:
                raise
            log.warning("cancelled without the engine, which does not act: %s", error, extra={"order": order_id})
        self._post(order_id, "end", {"status": CANCELLED, "uid": record["uid"]})

    def recover(self, order_id: str, progress: str, *, was_woken: bool) -> Recovery | None:
        """Recover an order that is stuck at this `progress`. Return the recovery, None when it is not stuck any more.

        Wake its workflow first: an event makes the engine run it, and deliver the events that it holds back. When that
        did not help, the engine has lost an activity or a timer. Then restart it: by the record, no stage begins twice.
        """
        status = self._engine.status(order_id)
        if status in ("RUNNING", "PENDING") and not was_woken:
            self._engine.wake(order_id)
            return "woken"
        if status == "STALLED" and not self._engine.is_too_large(order_id):
            raise Unavailable("no process runs its version of the workflow now")
        with suspension_lease(self._sidecar, order_id):
            record = read_summary(self._sidecar, order_id)
            if record["paused"] or record["progress"] != progress:
                return None
            if status == "SUSPENDED":
                self._engine.resume(order_id)
                return "woken"
            if status in _ACTIVE_STATUSES:
                self._engine.terminate(order_id)
            self._schedule(record, restarted=True)
            # Progress, so that no other process restarts it again.
            self._post(order_id, "heartbeat", {"uid": record["uid"]})
        return "restarted"

    def runtime_status(self, order_id: str) -> str:
        """Return the runtime status of the order's workflow; after a purge, the one that the record shows."""
        if ORDER_ID_PATTERN.fullmatch(order_id) is None:
            raise NotFound("Order not found")
        status = self._engine.status(order_id)
        if status in _ACTIVE_STATUSES:
            return str(status)
        # The order may be deleted, and another may have its id.
        record = read_summary(self._sidecar, order_id)
        if not record["workflow_requested"]:
            raise NotFound("The order has no workflow: it was never started")
        if record["status"] == CANCELLED:
            # Its workflow may have ended in another way, when it started only after the cancellation.
            return "TERMINATED"
        if record["status"] in FINAL:
            return status or "COMPLETED"
        return (status if record["workflow_started"] else None) or "PENDING"

    def _accept(self, order_id: str, order: dict[str, Any]) -> dict[str, Any]:
        """Have the record created, unless the order is accepted already. Return the order's summary."""
        query = urlencode({name: value for name, value in self._settings.items() if value is not None})
        record = self._post(order_id, f"accept?{query}", order)
        if record["to_schedule"]:
            self._contents.put(order_id, record["uid"], order)
        return record

    def _queue_start(self, record: dict[str, Any]) -> None:
        """Have the workflow scheduled when it is its turn, unless it has started already."""
        if record["to_schedule"]:
            self._starts.start(record["order_id"], partial(self._schedule, record, restarted=False))

    def _schedule(self, record: dict[str, Any], *, restarted: bool) -> None:
        order = {name: record[name] for name in ("order_id", "uid", "attempt")}
        # The settings of its first start hold to its end. Records of earlier releases have none.
        settings = record["workflow_settings"] or self._settings
        # A workflow belongs to the trace of its order, also if the reconciler starts it.
        with tracing.order_span(
            "schedule workflow",
            order["order_id"],
            parent=record.get("traceparent"),
            links=[tracing.current_traceparent()],
            attempt=order["attempt"],
            restarted=restarted,
        ):
            self._engine.schedule(order["order_id"], {"order": order, **settings, "restarted": restarted})

    def _wait_for_end_of_suspension_lease(self, order_id: str) -> dict[str, Any]:
        """Wait until no caller suspends or resumes the workflow. Return the order's summary then."""

        def check() -> dict[str, Any]:
            record = read_summary(self._sidecar, order_id)
            if record["suspension_seconds"] > 0:
                raise _LeaseTaken
            return record

        return retry(check, on=_LeaseTaken, max_pause=0.3, seconds=SUSPENSION_LEASE_SECONDS)

    def _post(self, order_id: str, command: str, content: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._sidecar.invoke(ORDER, "POST", f"/order/{order_id}/{command}", content)
        return answer


class _LeaseTaken(Unavailable):
    def __init__(self) -> None:
        super().__init__("Another command on this order is under way: ask again in a moment")


def read_summary(sidecar: Sidecar, order_id: str) -> dict[str, Any]:
    """Return the summary of an order's record. Raise NotFound and Unavailable."""
    summary: dict[str, Any] = sidecar.invoke(ORDER, "GET", f"/order/{order_id}/summary")
    return summary


@contextmanager
def suspension_lease(sidecar: Sidecar, order_id: str) -> Iterator[str]:
    """Hold the lease on suspending and resuming the workflow. Yield the id of its holder.

    Raise NotFound, Conflict or Unavailable. After an error in the block the engine may or may not have acted. Then the
    reconciler suspends or resumes the workflow as the record says.
    """
    path, holder = f"/order/{order_id}/suspension-lease", uuid4().hex

    def claim() -> None:
        if not SuspensionAnswer.parse(sidecar.invoke(ORDER, "POST", path, {"holder": holder})).granted:
            raise _LeaseTaken

    retry(claim, on=_LeaseTaken, max_pause=0.3, seconds=SUSPENSION_LEASE_SECONDS)
    engine_acted = False
    try:
        yield holder
        engine_acted = True
    finally:
        # If the record cannot be reached, the lease ends by itself.
        with suppress(Unavailable, NotFound):
            sidecar.invoke(ORDER, "POST", path, {"holder": holder, "release": True, "engine_acted": engine_acted})
