"""Claims: a run begins a stage only by a write to the order's record. So each stage begins once."""

from typing import Annotated, Literal, Self

from pydantic import Field

from pizzashop.domain.history import HistoryEntry
from pizzashop.domain.lifecycle import COOK_STEP, ORDER_STEP, STEP_BY_NAME, STEPS, Step, StepName
from pizzashop.domain.record import Lease, Record
from pizzashop.domain.requests import OrderId, Request
from pizzashop.errors import Unavailable

# How long a lease lasts after its last renewal. After a crash the next run waits at most this long.
LEASE_SECONDS = 8.0
# How many claims one request may contain.
MAX_CLAIMS = 100

_MAX_STAGES = max(len(step.published_statuses) for step in STEPS)

RunId = Annotated[str, Field(min_length=1, max_length=64)]


class Claim(Request):
    """The request of a run for the lease on a step, and for leave to begin `stages` now.

    `republished_for` is the crashed run whose last stage this run has published again. `traceparent` is the trace
    context of the run.
    """

    order_id: OrderId
    step: StepName
    attempt: int = Field(ge=1)
    run: RunId
    uid: str | None = None
    stages: list[HistoryEntry] = Field(default_factory=list, max_length=_MAX_STAGES)
    republished_for: RunId | None = None
    release: bool = False
    traceparent: str | None = Field(None, max_length=64)


class ClaimAnswer(Request):
    """The answer to a claim.

    - `granted`: the run has the lease; `begun_stages` are all stages of the step that have begun by now.
    - `taken`: another run has the lease, for `seconds` at most.
    - `closed`: the step must not run, `error` says why, and `status` is the order's.
    - `unknown`: the order was never accepted; the shop keeps no record of it.
    - `unavailable`: the record could not be read or written, `error` says why; the run has to claim again.

    With `crashed_run` none of the claim's stages has begun. That run may have crashed before it published its last
    stage, so the present run has to publish that one first.
    """

    result: Literal["granted", "taken", "closed", "unknown", "unavailable"]
    begun_stages: list[HistoryEntry] = Field(default_factory=list)
    crashed_run: str | None = None
    is_finished: bool = False
    seconds: float = 0.0
    status: str | None = None
    error: str | None = None

    def require_available(self) -> Self:
        """Return this answer; raise Unavailable if the record could not be read or written."""
        if self.result == "unavailable":
            raise Unavailable(self.error or "The order's record cannot be reached")
        return self


class Claims(Request):
    """The claims of several runs, for any orders."""

    claims: list[Claim] = Field(min_length=1, max_length=MAX_CLAIMS)


class ClaimAnswers(Request):
    """The answers to claims, in the order of the claims."""

    answers: list[ClaimAnswer]


def answer_claim(record: Record, claim: Claim, now: float) -> ClaimAnswer:
    """Grant or refuse a claim, and write the lease and the begun stages to the record; `now` in epoch seconds."""
    if claim.release:
        _release(record, claim)
        return ClaimAnswer(result="granted")
    step = STEP_BY_NAME[claim.step]
    reason = _why_closed(record, claim) or _why_too_soon(record, claim)
    if reason is not None:
        return ClaimAnswer(result="closed", status=record.status, error=reason)
    # Only the workflow knows the record's uid. So a claim with a uid comes from the workflow, and it has started.
    record.workflow_started = record.workflow_started or claim.uid is not None
    is_finished, crashed_run = record.has_finished(step, claim.attempt), None
    if seconds := _seconds_taken(record, claim, is_finished, now):
        return ClaimAnswer(result="taken", seconds=seconds)
    if _is_for(record.lease, claim) or not is_finished:
        crashed_run, until = _find_crashed_run(record, step, claim), now + LEASE_SECONDS
        record.lease = Lease(
            step=claim.step, attempt=claim.attempt, holder=claim.run, until=until, crashed_run=crashed_run
        )
        if crashed_run is None:
            _begin_stages(record, step, claim)
    return ClaimAnswer(
        result="granted",
        begun_stages=record.begun_stages(claim.attempt, step.published_statuses),
        crashed_run=crashed_run,
        is_finished=record.has_finished(step, claim.attempt),
    )


def _release(record: Record, claim: Claim) -> None:
    """Release the lease of a run that stops before its step is finished, if it still has that lease."""
    if claim.uid in (None, record.uid) and record.lease is not None and record.lease.holder == claim.run:
        record.lease = None


def _why_closed(record: Record, claim: Claim) -> str | None:
    """Return why the step must not run any more, None when it may."""
    attempt = claim.attempt
    if claim.uid not in (None, record.uid):
        return "this order was deleted, and another has its id"
    if record.deleted:
        return "the order was deleted"
    if record.is_closed:
        return f"the order is {'being cancelled' if record.cancellation else record.status}"
    if attempt != record.attempt and not _is_remake(record, claim):
        return f"the order is on attempt {record.attempt}"
    if claim.step == "deliver" and record.workflow_requested and _verdict(record, attempt) != "approved":
        return f"attempt {attempt} was not approved"
    return None


def _why_too_soon(record: Record, claim: Claim) -> str | None:
    """Return which step has to finish first, None when the step may run now.

    A client that calls a role directly must not overtake the workflow. `order` comes first, and no client can run
    `validate`.
    """
    if not record.workflow_requested or claim.step in ("order", "validate"):
        return None
    before, attempt = (ORDER_STEP, 1) if claim.step == "cook" else (COOK_STEP, claim.attempt)
    return None if record.has_finished(before, attempt) else f"the order is not {before.done_status} yet"


def _is_remake(record: Record, claim: Claim) -> bool:
    is_next = claim.step == "cook" and claim.attempt == record.attempt + 1
    return is_next and _verdict(record, record.attempt) == "remake"


def _verdict(record: Record, attempt: int) -> str | None:
    decision = record.decision_of(attempt)
    return decision.status if decision is not None else None


def _seconds_taken(record: Record, claim: Claim, is_finished: bool, now: float) -> float:
    """Return for how many seconds the lease of another run keeps this one from the step, 0 when it does not."""
    lease = record.lease
    if lease is None or lease.holder == claim.run:
        return 0.0
    # A run does not release the lease of a step that it has finished: it may still be publishing the last stage. Other
    # steps need not wait for that.
    leased_step = STEP_BY_NAME.get(lease.step)
    is_over = is_finished or (leased_step is not None and record.has_finished(leased_step, lease.attempt))
    is_free = is_over and not _is_for(lease, claim)
    return 0.0 if is_free else lease.seconds_left(now, LEASE_SECONDS)


def _begin_stages(record: Record, step: Step, claim: Claim) -> None:
    """Begin the stages of the claim, except those that a later stage of the step has followed already."""
    last = max((entry.rank for entry in record.begun_stages(claim.attempt, step.published_statuses)), default=(0, 0))
    own = (each for each in claim.stages if each.attempt == claim.attempt and each.status in step.published_statuses)
    record.apply_stages([each for each in own if each.rank > last])


def _find_crashed_run(record: Record, step: Step, claim: Claim) -> str | None:
    """Return the run whose lease on this step ended without a release after it had begun a stage, if any."""
    lease = record.lease
    if lease is None or not _is_for(lease, claim) or not record.begun_stages(claim.attempt, step.published_statuses):
        return None
    crashed_run = lease.crashed_run if lease.holder == claim.run else lease.crashed_run or lease.holder
    return crashed_run if crashed_run != claim.republished_for else None


def _is_for(lease: Lease | None, claim: Claim) -> bool:
    return lease is not None and (lease.step, lease.attempt) == (claim.step, claim.attempt)
