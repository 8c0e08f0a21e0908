"""Run one step of one order, stage by stage: whatever crashes, each begins once, and is published at least once.

`run_step` is one run of a step. Before each stage it claims the lease on the step (`domain/claims.py`). By that claim
role `order` writes to the order's record that the stage begins. Only then does the run publish the stage on the topic.

A run that crashes in between leaves a stage that has begun and is not published. The next run learns of it from the
answer to its claim. It publishes the stage with the id of the crashed run: if the event comes twice, both are equal.
Then it goes on where the crashed run stopped.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel

from pizzashop import tracing
from pizzashop.dapr.retries import retry
from pizzashop.dapr.sidecar import Sidecar
from pizzashop.domain.claims import ClaimAnswer
from pizzashop.domain.events import build_stage_event
from pizzashop.domain.history import seconds_since
from pizzashop.domain.lifecycle import RANK, Step, TimedStage
from pizzashop.domain.requests import StepOrder
from pizzashop.errors import Conflict, Unavailable
from pizzashop.steps.lease import ClaimSender, StepLease

T = TypeVar("T")

# A run renews its lease so long after its last claim; the lease lasts for LEASE_SECONDS (`domain/claims.py`). At pace 1
# no stage lasts longer, and the claim of the next stage renews the lease too.
_RENEW_SECONDS = 5.5
# The pause before a run claims a step again that another run has.
_CLAIM_AGAIN_SECONDS = 0.25
# The longest pause between two tries while a service is unavailable.
_MAX_PAUSE_SECONDS = 2.0

log = logging.getLogger(__name__)


class StepResult(BaseModel):
    """The order as it was sent, with the status that the step ended with, and `error` when it failed."""

    order_id: str
    status: str
    error: str | None = None


class StepLimit:
    """Limit how many steps a process runs at the same time. Once `stopping` is set, no step begins.

    Entering the `with` block raises Unavailable when the limit is reached or the process is stopping.
    """

    def __init__(self, max_steps: int) -> None:
        self._free = threading.Semaphore(max_steps)
        self.stopping = threading.Event()

    def __enter__(self) -> None:
        if self.stopping.is_set():
            raise Unavailable("This process is stopping")
        if not self._free.acquire(blocking=False):
            raise Unavailable("Too many steps at once: try again in a moment")

    def __exit__(self, *_: object) -> None:
        self._free.release()


@dataclass(frozen=True)
class StepContext:
    """The sidecar, the sender of claims, the limit and the settings of every run in a process.

    `pace` multiplies the duration of every stage. `failure` makes a stage fail, for demonstrations: it is empty, or a
    stage and the beginning of order ids, as in `cooking_baking:bad-`.
    """

    sidecar: Sidecar
    claims: ClaimSender
    limit: StepLimit
    pace: float = 1.0
    failure: str = ""


def run_step(step: Step, order: dict[str, Any], context: StepContext) -> dict[str, Any]:
    """Run `step` for an order, and return the order with the status that the step ended with.

    Raise InvalidRequest when the order is invalid, Conflict when the record does not allow the step, and Unavailable
    when the process has too many orders, is stopping, or cannot reach a service.
    """
    checked = StepOrder.parse(order)
    with context.limit:
        run = _StepRun(step, order, checked, context)
        with tracing.order_span(f"step {step.name}", checked.order_id, attempt=checked.attempt, run=run.id):
            return run.run()


class _StepRun:
    """One run of a step for one order."""

    def __init__(self, step: Step, order: dict[str, Any], checked: StepOrder, context: StepContext) -> None:
        self._step, self._order, self._checked, self._context = step, order, checked, context
        self._stopping = context.limit.stopping
        self._lease = StepLease(step, checked, context.claims)
        status, _, prefix = context.failure.partition(":")
        self._failing_status = status if checked.order_id.startswith(prefix) else ""
        self.id = self._lease.run

    def run(self) -> dict[str, Any]:
        self._wait_for_lease()
        try:
            self._publish()
            for stage in self._step.timed_stages:
                self._run_stage(stage)
                if stage.status == self._failing_status:
                    return self._fail(stage)
            self._begin(self._step.done_status)
        except Unavailable:
            self._release()
            raise
        if self._lease.republished_for is not None:
            # The crashed run had begun the last stage, so no event of this run will end the lease.
            self._release()
        return {**self._order, "status": self._step.done_status}

    def _wait_for_lease(self) -> None:
        """Claim the lease, and with it the first stage. While another run has the lease, wait for it."""
        first = self._statuses_from(self._step.published_statuses[0])
        if (answer := self._lease.claim(first)).result == "taken":
            # One span for the whole wait, and none for its many claims.
            with tracing.order_span("wait for lease", self._checked.order_id), tracing.muted():
                while answer.result == "taken":
                    self._sleep(min(_CLAIM_AGAIN_SECONDS, answer.seconds))
                    answer = self._lease.claim(first)
        self._require_open(answer)
        if answer.crashed_run is not None:
            tracing.describe_order(self._checked.order_id, crashed_run=answer.crashed_run)

    def _run_stage(self, stage: TimedStage) -> None:
        """Begin the stage unless it has begun, and wait until its time is over."""
        if self._is_followed(stage.status):
            return
        with tracing.order_span(f"stage {stage.status}", self._checked.order_id, attempt=self._checked.attempt):
            self._begin(stage.status)
            entry = self._lease.begun.get(stage.status)
            if entry is not None and self._context.pace and not self._is_followed(stage.status):
                self._wait(stage.seconds * self._context.pace - seconds_since(entry.at))

    def _begin(self, status: str) -> None:
        """Begin a stage unless it has begun: first in the record, then on the topic."""
        while not self._has_begun(status):
            answer = self._retry(partial(self._lease.claim, self._statuses_from(status)))
            self._require_open(answer)
            if answer.result == "taken":
                raise Unavailable("Another run has taken over this step")
            self._publish()
            # After a crash of an earlier run nothing has begun yet: the loop claims again, as that run's last stage is
            # published now. Otherwise another claim would begin nothing either.
            if answer.crashed_run is None and not self._has_begun(status):
                raise Unavailable(f"Role order does not begin {status}: it may be of an older release")

    def _statuses_from(self, status: str) -> tuple[str, ...]:
        """Return the statuses that begin in one claim: at pace 0 all of them, as no time passes in between."""
        published_statuses = self._step.published_statuses
        first = published_statuses.index(status)
        return published_statuses[first:] if self._context.pace == 0 and not self._failing_status else (status,)

    def _has_begun(self, status: str) -> bool:
        return status in self._lease.begun or self._lease.is_finished or self._is_followed(status)

    def _is_followed(self, status: str) -> bool:
        # A process of a newer release may have begun a stage that this one does not know: it has no rank here.
        return any(RANK.get(begun, -1) > RANK[status] for begun in self._lease.begun)

    def _publish(self) -> None:
        """Publish every stage that this run has to publish, in order, and try until the sidecar takes them."""
        while unpublished := list(self._lease.unpublished.items()):
            events = [build_stage_event(self._order, self._lease.begun[status], run) for status, run in unpublished]
            count = self._retry(partial(self._context.sidecar.publish, events))
            for status, _ in unpublished[:count]:
                self._lease.note_published(status)
                log.info(status, extra={"order": self._checked.order_id, "attempt": self._checked.attempt})

    def _wait(self, seconds: float) -> None:
        """Sleep, and renew the lease meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            until_renewal = self._lease.claimed_at + _RENEW_SECONDS - time.monotonic()
            if self._lease.has_record and until_renewal <= 0:
                self._retry(self._lease.claim)
                self._publish()
            else:
                self._sleep(min(left, until_renewal) if self._lease.has_record else left)

    def _sleep(self, seconds: float) -> None:
        if self._stopping.wait(max(0.0, seconds)):
            raise Unavailable("This process is stopping")

    def _require_open(self, answer: ClaimAnswer) -> None:
        if answer.result == "closed":
            message = f"Order {self._checked.order_id} is closed: {answer.error}"
            raise Conflict(message, order_status=answer.status)

    def _release(self) -> None:
        try:
            self._lease.release()
        except Unavailable as error:
            extra = {"order": self._checked.order_id}
            log.warning("could not release the lease, so the next run waits for its end: %s", error, extra=extra)

    def _retry(self, call: Callable[[], T]) -> T:
        return retry(call, max_pause=_MAX_PAUSE_SECONDS, stopping=self._stopping)

    def _fail(self, stage: TimedStage) -> dict[str, Any]:
        self._release()
        error = f"{stage.status} failed (PIZZASHOP_FAIL)"
        return {**self._order, "status": self._step.failed_status, "error": error}
