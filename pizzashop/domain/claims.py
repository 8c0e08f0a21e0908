"""Claims: before a role begins anything of an order it has the record write so, and thus each stage begins once."""

from typing import Annotated, Literal

from pydantic import Field

from pizzashop.domain.history import MAX_HISTORY, Entry
from pizzashop.domain.lifecycle import COOK_STEP, ORDER_STEP, STEP_BY_NAME, STEPS, Step
from pizzashop.domain.record import Lease, Record
from pizzashop.domain.requests import Request

StepName = Literal["order", "cook", "deliver"]


def why_closed(record: Record, step: StepName, attempt: int, uid: str | None) -> str | None:
    """Why this step will not be done (any more), if it will not; `uid` is the order that whoever asks means."""
    if uid is not None and uid != record.uid:
        return "this order was deleted, and another has its id"
    if record.deleted:
        return "the order was deleted"
    if record.closed:
        return f"the order is {'being cancelled' if record.cancelling else record.status}"
    if attempt != record.attempt and not _is_next_attempt(record, step, attempt):
        return f"the order is on attempt {record.attempt}"
    if step == "deliver" and record.wanted and not _approved(record, attempt):
        return f"attempt {attempt} was not approved"
    return None


def why_too_soon(record: Record, step: StepName, attempt: int) -> str | None:
    """A workflow goes step by step: what is tried by hand meanwhile may not begin before its turn."""
    if not record.wanted or step == "order":
        return None
    # An order is taken in once, and cooked in each attempt.
    before, of_attempt = (ORDER_STEP, 1) if step == "cook" else (COOK_STEP, attempt)
    return None if record.has_done(before, of_attempt) else f"the order is not {before.done_status} yet"


def _is_next_attempt(record: Record, step: StepName, attempt: int) -> bool:
    decision = record.decision_of(record.attempt)
    sent_back = decision is not None and decision.status == "remake"
    return step == "cook" and attempt == record.attempt + 1 and sent_back


def _approved(record: Record, attempt: int) -> bool:
    decision = record.decision_of(attempt)
    return decision is not None and decision.status == "approved"


LEASE_SECONDS = 8.0
"""How long a step is left to a run that has not been heard of: a dead one's lease ends then."""
MOST_STAGES = max(len(step.announced) for step in STEPS)

Run = Annotated[str, Field(min_length=1, max_length=64)]


class Claim(Request):
    """A run asks for a step, and for leave to begin what `begins` says.

    `history` is what the order that travels knows to have happened; `said_for` the dead run in whose name this one has
    told the topic again what that may not have told.
    """

    step: StepName
    attempt: int = Field(ge=1)
    run: Run
    uid: str | None = None
    history: list[Entry] = Field(default_factory=list, max_length=MAX_HISTORY)
    begins: list[Entry] = Field(default_factory=list, max_length=MOST_STAGES)
    said_for: Run | None = None
    release: bool = False


class ClaimAnswer(Request):
    """`granted`, with what of the step has begun by now; `taken` by another run; `closed`, with the reason;
    or `unknown`: the order was never accepted, and nothing is kept of it.

    With `heir_of` nothing was begun: that run may have died before it told the topic, and its last word comes first.
    """

    claim: Literal["granted", "taken", "closed", "unknown"]
    began: list[Entry] = Field(default_factory=list)
    heir_of: str | None = None
    done: bool = False
    seconds: float = 0.0  # how long the other run's lease still lasts
    status: str | None = None
    error: str | None = None


def answer_claim(record: Record, claim: Claim, now: float) -> ClaimAnswer:
    """Grant the claim where the record allows it, note the lease and what begins; `now` in seconds since the epoch."""
    reason = why_closed(record, claim.step, claim.attempt, claim.uid)
    if reason is None:
        record.hear(claim.history)
        reason = why_too_soon(record, claim.step, claim.attempt)
    if reason is not None:
        return ClaimAnswer(claim="closed", status=record.status, error=reason)
    # The workflow knows the record's uid: a step that somebody tries by hand is not the workflow's first.
    record.begun = record.begun or claim.uid is not None
    step, lease = STEP_BY_NAME[claim.step], record.lease
    if lease is not None and _is_in_other_hands(record, lease, claim, now):
        return ClaimAnswer(claim="taken", seconds=lease.left(now, LEASE_SECONDS))
    if _is_of(lease, claim) or not record.has_done(step, claim.attempt):
        heir_of = _heir_of(record, step, claim)
        until = now + LEASE_SECONDS
        record.lease = Lease(step=claim.step, attempt=claim.attempt, run=claim.run, until=until, heir_of=heir_of)
        _begin(record, step, claim)
    return _granted(record, step, claim)


def release_claim(record: Record, claim: Claim) -> bool:
    """Give a step back that could not be finished; answers whether that changed anything."""
    if claim.uid not in (None, record.uid):
        return False  # of an order that was deleted: what it knows to have happened is not this one's
    heard = record.hear(claim.history)
    if record.lease is None or record.lease.run != claim.run:
        return heard
    record.lease = None
    return True


def _granted(record: Record, step: Step, claim: Claim) -> ClaimAnswer:
    ours = record.lease is not None and record.lease.run == claim.run
    return ClaimAnswer(
        claim="granted",
        began=record.stages_of(claim.attempt, step.announced),
        heir_of=record.lease.heir_of if record.lease is not None and ours else None,
        done=record.has_done(step, claim.attempt),
    )


def _begin(record: Record, step: Step, claim: Claim) -> None:
    """What was begun by a run that is dead now is told first; and nothing begins that something later has followed."""
    if record.lease is not None and record.lease.heir_of is not None:
        return
    began = max((entry.place for entry in record.stages_of(claim.attempt, step.announced)), default=(0, 0))
    ours = (each for each in claim.begins if each.attempt == claim.attempt and each.status in step.announced)
    record.hear([each for each in ours if each.place > began])


def _heir_of(record: Record, step: Step, claim: Claim) -> str | None:
    """The run, if any, whose lease on this step ended before it gave it back, and that had begun something."""
    lease = record.lease
    if lease is None or not _is_of(lease, claim) or not record.stages_of(claim.attempt, step.announced):
        return None
    heir_of = lease.heir_of if lease.run == claim.run else lease.heir_of or lease.run
    return heir_of if heir_of != claim.said_for else None


def _is_in_other_hands(record: Record, lease: Lease, claim: Claim, now: float) -> bool:
    """Whether another run is at it; where it is done, that run may still be telling the topic so."""
    if lease.run == claim.run or not lease.left(now, LEASE_SECONDS):
        return False
    nothing_left = _is_over(record, lease) or record.has_done(STEP_BY_NAME[claim.step], claim.attempt)
    return _is_of(lease, claim) or not nothing_left


def _is_of(lease: Lease | None, claim: Claim) -> bool:
    return lease is not None and (lease.step, lease.attempt) == (claim.step, claim.attempt)


def _is_over(record: Record, lease: Lease) -> bool:
    """Whether the step that the lease is for has come to its end; nobody gives a lease back for that."""
    return any(step.name == lease.step and record.has_done(step, lease.attempt) for step in STEPS)
