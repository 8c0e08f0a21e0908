"""What may be done to an order from outside: first the record decides, then the engine is told."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode
from uuid import uuid4

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from pizzashop.dapr.sidecar import Sidecar
from pizzashop.domain.decisions import prints
from pizzashop.domain.lifecycle import CANCELLED, FINAL
from pizzashop.domain.requests import ORDER_ID_PATTERN, Decision, OrderRef
from pizzashop.domain.suspension import SUSPENSION_LEASE_SECONDS, SuspensionAnswer
from pizzashop.errors import NotFound, Unavailable
from pizzashop.roles import ORDER
from pizzashop.settings import Settings
from pizzashop.workflow.activities import ContentCache
from pizzashop.workflow.engine import Engine

Summary = dict[str, Any]


def load_summary(sidecar: Sidecar, order_id: str) -> Summary:
    """The order's summary as its record has it now; raises NotFound or Unavailable."""
    found: Summary = sidecar.invoke(ORDER, "GET", f"/order/{order_id}/summary")
    return found


"Takes the steering of an order from its record, waits for it where another has it, and gives it back."


T = TypeVar("T")


class Taken(Unavailable):
    """Another caller steers this order."""


@contextmanager
def suspension_lease(sidecar: Sidecar, order_id: str) -> Iterator[str]:
    """Hold the steering of the order, in the name of the run that this answers; raises NotFound or Conflict where there
    is nothing to steer.

    After an error nobody knows what the engine has heard: the sweep then brings it in line with the record.
    """
    path, run = f"/order/{order_id}/steer", uuid4().hex

    def take() -> None:
        if not SuspensionAnswer.parse(sidecar.invoke(ORDER, "POST", path, {"run": run})).granted:
            raise Taken("Another command is at work on this order: ask again in a moment")

    _patiently(take)
    done = False
    try:
        yield run
        done = True
    finally:
        # Where the record cannot be reached the lease ends by itself.
        with suppress(Unavailable, NotFound):
            sidecar.invoke(ORDER, "POST", path, {"run": run, "release": True, "done": done})


def wait_for_suspension_lease(sidecar: Sidecar, order_id: str) -> Summary:
    """Wait until nobody steers the order any more: for who ends it, and so needs no turn of his own. Answers where it
    stands then."""

    def look() -> Summary:
        record = load_summary(sidecar, order_id)
        if record["steered"] > 0:
            raise Taken("Another command is at work on this order: ask again in a moment")
        return record

    return _patiently(look)


def _patiently(call: Callable[[], T]) -> T:
    retrying = Retrying(
        retry=retry_if_exception_type(Taken),
        wait=wait_random_exponential(multiplier=0.01, max=0.3),
        stop=stop_after_delay(SUSPENSION_LEASE_SECONDS),
        reraise=True,
    )
    return retrying(call)


Recovery = Literal["woken", "restarted"]
AT_WORK = ("RUNNING", "PENDING", "SUSPENDED", "STALLED")
"""While the engine says this of a workflow, its order has not been deleted."""

log = logging.getLogger(__name__)


class OrderCommands:
    """Every command is written to the record first; told to the engine again, it does no harm."""

    def __init__(
        self, sidecar: Sidecar, engine: Engine, settings: Settings, contents: ContentCache | None = None
    ) -> None:
        self._sidecar, self._engine = sidecar, engine
        self._contents = contents or ContentCache(sidecar)
        self._terms: dict[str, Any] = {
            "max_remakes": settings.max_remakes,
            "reminder": settings.validation_reminder,
            "deadline": settings.validation_deadline,
        }

    def start(self, order_id: str, order: dict[str, Any]) -> None:
        """Accept the order and schedule its workflow, unless that has begun already."""
        terms = urlencode({name: value for name, value in self._terms.items() if value is not None})
        record = self._ask(order_id, f"accept?{terms}", order)
        if record["start"]:
            self._contents.keep(order_id, record["uid"], order)
            self._engine.schedule(order_id, self._plan(record, restarted=False))

    def recover(self, order_id: str, progress: str, *, is_woken: bool) -> Recovery | None:
        """Recover an order that is stuck at this `progress`; answers what was done about it.

        Wake its workflow first: so what it was told reaches it, and the engine shows that it works. Where it `is_woken`
        in vain, the engine has lost what the workflow waits for. Then restart the workflow: the record knows the
        order's progress, and each step begins once, whatever asks for it.
        """
        status = self._engine.status(order_id)
        if status in ("RUNNING", "PENDING") and not is_woken:
            self._engine.wake(order_id)
            return "woken"
        if status == "STALLED" and not self._engine.is_too_large(order_id):
            raise Unavailable("its version of the workflow runs nowhere just now")
        with suspension_lease(self._sidecar, order_id):
            record: Summary = self._sidecar.invoke(ORDER, "GET", f"/order/{order_id}/start")
            if record["paused"] or record["progress"] != progress:
                return None  # another process has recovered it, or it was not stuck
            if status == "SUSPENDED":
                self._engine.resume(order_id)
                return "woken"
            if status in AT_WORK:
                self._engine.terminate(order_id)
            self._engine.schedule(order_id, self._plan(record, restarted=True))
            self._ask(order_id, "heartbeat", {"uid": record["uid"]})
        return "restarted"

    def decide(self, decision: Decision) -> None:
        """Record the manager's decision, then wake the workflow with it."""
        asked = decision.model_dump(exclude_none=True)
        record = self._ask(decision.order_id, "decide", asked)
        if record["status"] not in FINAL:
            attempt = record["decision"]["attempt"]
            # Who said so, and why, stands in the record: the engine would keep it each time that it is told.
            said = {name: value for name, value in asked.items() if name not in ("by", "note")}
            event = {**said, "attempt": attempt, "uid": record["uid"], "seal": record["seal"]}
            # Between accept and schedule the engine does not know it yet: the sweep tells it again.
            with suppress(NotFound):
                self._engine.decide(decision.order_id, event)

    def runtime_status(self, order_id: str) -> str:
        """What the engine says of the order's workflow; after a purge, what the record says that it was."""
        if ORDER_ID_PATTERN.fullmatch(order_id) is None:
            raise NotFound("Order not found")
        status = self._engine.status(order_id)
        return status if status in AT_WORK else self._status_by_record(order_id, status)

    def pause(self, asked: OrderRef) -> None:
        """Suspend the workflow after the step at hand."""
        with suspension_lease(self._sidecar, asked.order_id) as run:
            self._engine.pause(asked.order_id)
            self._command("pause", asked, run=run)

    def resume(self, asked: OrderRef) -> None:
        """Let the workflow go on."""
        with suspension_lease(self._sidecar, asked.order_id) as run:
            self._engine.resume(asked.order_id)
            self._command("resume", asked, run=run)

    def steer_as_recorded(self, order_id: str) -> None:
        """Bring the engine in line with the record, after who steered last has died before he was done."""
        with suspension_lease(self._sidecar, order_id):
            if load_summary(self._sidecar, order_id)["paused"]:
                self._engine.pause(order_id)
            else:
                self._engine.resume(order_id)

    def cancel(self, asked: OrderRef, *, in_any_case: bool = False) -> None:
        """Cancel: from the first write on the order can end only so, whatever dies meanwhile.

        `in_any_case`: also where the engine has not ended the workflow. No step of it begins any more.
        """
        record = self._command("cancel", asked)
        if record["status"] != CANCELLED:
            if wait_for_suspension_lease(self._sidecar, asked.order_id)["uid"] != record["uid"]:
                return  # it was cancelled by another, and deleted: what has its id now is not to end
            try:
                self._engine.terminate(asked.order_id)
            except Unavailable as error:
                if not in_any_case:
                    raise
                log.warning("cancelled, though the engine has not ended it: %s", error, extra={"order": asked.order_id})
            self._ask(asked.order_id, "end", {"status": CANCELLED, "uid": record["uid"]})

    def _plan(self, record: Summary, *, restarted: bool) -> dict[str, Any]:
        # What is set holds for an order from its start to its end: the story is told again and again by it. An order
        # that was accepted before its record said so is restarted with what is set now.
        terms = record["terms"] or self._terms
        order = {name: record[name] for name in ("order_id", "uid", "attempt")}
        return {
            "order": order,
            **terms,
            "seals": prints(record["secret"], terms["max_remakes"] + 1),
            "restarted": restarted,
        }

    def _command(self, word: str, asked: OrderRef, **more: str) -> Summary:
        return self._ask(asked.order_id, word, {**asked.model_dump(exclude_none=True), **more})

    def _status_by_record(self, order_id: str, status: str | None) -> str:
        """What holds of an order that the engine has done with: it may be gone, or another may have its id."""
        record = load_summary(self._sidecar, order_id)
        if not record["wanted"]:
            raise NotFound("The order has no workflow: it was never started")
        if record["status"] == CANCELLED:
            return "TERMINATED"  # also where its workflow began only after that, and ended at once
        if record["status"] in FINAL:
            return status or "COMPLETED"
        return (status if record["begun"] else None) or "PENDING"

    def _ask(self, order_id: str, what: str, content: Any) -> Summary:
        answer: Summary = self._sidecar.invoke(ORDER, "POST", f"/order/{order_id}/{what}", content)
        return answer
