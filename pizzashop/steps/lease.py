"""The lease of one run on one step: claim it, renew it, release it, and know which stages have begun.

Role `order` grants leases, and writes them to the order's record. Runs of many orders share one request to it: at the
real pace an order begins some twenty stages, and a request through two sidecars costs more CPU time than its claim.
"""

import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from pizzashop import tracing
from pizzashop.dapr.batching import Batcher
from pizzashop.dapr.sidecar import Sidecar
from pizzashop.domain.claims import MAX_CLAIMS, Claim, ClaimAnswer, ClaimAnswers
from pizzashop.domain.history import HistoryEntry, utc_timestamp
from pizzashop.domain.lifecycle import Step
from pizzashop.domain.requests import StepOrder
from pizzashop.errors import Refused, Unavailable
from pizzashop.roles import ORDER

# At pace 1 a claim waits this long for claims of other orders. A stage does not last longer for that: its time counts
# from before the wait.
_MAX_CLAIM_WINDOW_SECONDS = 0.25
# The runs whose claims shared a request publish their stages in the same moment.
_MAX_PUBLISH_WINDOW_SECONDS = 0.01


def claim_window(pace: float) -> float:
    """Return how many seconds a claim waits for others, so that they share a request: none at pace 0."""
    return _MAX_CLAIM_WINDOW_SECONDS * min(1.0, pace)


def publish_window(pace: float) -> float:
    """Return how many seconds an event waits for others, so that they share a request: none at pace 0."""
    return _MAX_PUBLISH_WINDOW_SECONDS * min(1.0, pace)


class ClaimSender:
    """Sends the claims of all runs in this process, those that arrive within `window_seconds` together."""

    def __init__(self, sidecar: Sidecar, window_seconds: float = 0.0) -> None:
        self._sidecar = sidecar
        self._batcher = Batcher(self._send_batch, MAX_CLAIMS, window_seconds, name="send claims")

    def send(self, claim: Claim) -> ClaimAnswer:
        """Send a claim, and return the answer. Raise Unavailable."""
        return self._batcher(claim).require_available()

    def _send_batch(self, claims: Sequence[Claim]) -> list[ClaimAnswer]:
        content = {"claims": [claim.model_dump(exclude_none=True) for claim in claims]}
        try:
            return ClaimAnswers.parse(self._sidecar.invoke(ORDER, "POST", "/claims", content)).answers
        except Refused as error:
            # A refused request, as by a role of another release, must not fail all these orders.
            raise Unavailable(f"Role order refuses claims: {error}") from error


class StepLease:
    """The lease of one run on one step, and the state of the step by the answers to the run's claims."""

    def __init__(self, step: Step, order: StepOrder, claims: ClaimSender) -> None:
        self._step, self._order, self._claims = step, order, claims
        self.run = uuid4().hex
        self._claim_times: set[str] = set()
        self._crashed_run: str | None = None
        # The crashed run whose last stage this run has published, until the next claim reports it.
        self.republished_for: str | None = None
        # When the last claim was sent, by the monotonic clock: the lease lasts at least LEASE_SECONDS from then.
        self.claimed_at = 0.0
        # False when the order was never accepted: then the step runs without a record.
        self.has_record = True
        self.is_finished = False
        # The stages that have begun, by status.
        self.begun: dict[str, HistoryEntry] = {}
        # The begun stages that this run has to publish, by status: the id of the run that their event names.
        self.unpublished: dict[str, str] = {}

    def claim(self, statuses: Sequence[str] = ()) -> ClaimAnswer:
        """Claim the lease, or renew it. When it is granted, the stages of `statuses` begin now."""
        self.claimed_at, now = time.monotonic(), utc_timestamp()
        self._claim_times.add(now)
        stages = [HistoryEntry(status=status, attempt=self._order.attempt, at=now) for status in statuses]
        answer = self._send(stages=stages, republished_for=self.republished_for)
        self.has_record = answer.result != "unknown"
        if answer.result == "granted":
            self._update(answer)
        elif answer.result == "unknown":
            self._update(ClaimAnswer(result="granted", begun_stages=stages))
        return answer

    def note_published(self, status: str) -> None:
        """Note that the stage was published."""
        del self.unpublished[status]
        if not self.unpublished:
            self.republished_for = self._crashed_run

    def release(self) -> None:
        """Release the lease, so that the next run need not wait for its end. Raise Unavailable."""
        # With an unpublished stage the lease has to end by itself: by that the next run knows that one is missing.
        if self.has_record and not self.unpublished:
            self._send(release=True)

    def _update(self, answer: ClaimAnswer) -> None:
        new = {entry.status: entry for entry in answer.begun_stages if entry.status not in self.begun}
        self.begun |= new
        self.is_finished, self._crashed_run = answer.is_finished, answer.crashed_run
        # A stage may have begun by an earlier claim of this run, whose answer was lost. Its time shows that.
        self.unpublished |= {status: self.run for status, entry in new.items() if entry.at in self._claim_times}
        if answer.crashed_run is None:
            self.republished_for = None
        else:
            # A run publishes the stages of one claim before it sends the next: all earlier stages are published.
            last = answer.begun_stages[-1].at
            self.unpublished |= {e.status: answer.crashed_run for e in answer.begun_stages if e.at == last}

    def _send(self, **fields: Any) -> ClaimAnswer:
        order = self._order
        return self._claims.send(
            Claim(
                order_id=order.order_id,
                step=self._step.name,
                attempt=order.attempt,
                run=self.run,
                uid=order.uid,
                traceparent=tracing.current_traceparent(),
                **fields,
            )
        )
