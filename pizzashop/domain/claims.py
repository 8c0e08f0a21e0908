"""Claims: before a role does a step of an order it asks the record, so that each step is done once."""

from typing import Annotated, Literal

from pydantic import Field

from pizzashop.domain.history import MAX_HISTORY, Entry
from pizzashop.domain.known import Lease
from pizzashop.domain.order import STEP_BY_NAME
from pizzashop.domain.record import Record
from pizzashop.domain.requests import Request

LEASE_SECONDS = 8.0
"""How long a step is left to a run that has not been heard of: a dead one's lease ends then."""

Run = Annotated[str, Field(min_length=1, max_length=64)]


class Claim(Request):
    """A run asks for a step; `history` is what the order that travels knows to have happened."""

    step: Literal["order", "cook", "deliver"]
    attempt: int = Field(ge=1)
    run: Run
    uid: str | None = None
    history: list[Entry] = Field(default_factory=list, max_length=MAX_HISTORY)
    release: bool = False


class Answer(Request):
    """`granted`, with what of the step has begun already; `taken` by another run; `closed`, with the reason;
    or `unknown`: the order was never accepted, and nothing is kept of it."""

    claim: Literal["granted", "taken", "closed", "unknown"]
    began: list[Entry] = Field(default_factory=list)
    seconds: float = 0.0  # how long the other run's lease still lasts
    status: str | None = None
    error: str | None = None


def answer(record: Record, claim: Claim, now: float) -> Answer:
    """Grant the claim where the record allows it, and note the lease; `now` in seconds since the epoch."""
    reason = _why_closed(record, claim)
    if reason is not None:
        return Answer(claim="closed", status=record.status, error=reason)
    record.hear(claim.history)
    # The workflow knows the record's uid: a step that somebody tries by hand is not the workflow's first.
    record.begun = record.begun or claim.uid is not None
    step, lease = STEP_BY_NAME[claim.step], record.lease
    began = record.stages_of(claim.attempt, step.announced)
    all_begun = any(entry.status == step.done_status for entry in began)
    if all_begun or record.is_past(claim.attempt, step.stages[-1].status):
        return Answer(claim="granted", began=began)
    same = lease is not None and (lease.step, lease.attempt) == (claim.step, claim.attempt)
    if lease is not None and same and lease.run != claim.run and lease.until > now:
        return Answer(claim="taken", seconds=lease.until - now)
    record.lease = Lease(step=claim.step, attempt=claim.attempt, run=claim.run, until=now + LEASE_SECONDS)
    return Answer(claim="granted", began=began)


def release(record: Record, claim: Claim) -> bool:
    """Give a step back that could not be finished; answers whether that changed anything."""
    heard = record.hear(claim.history)
    if record.lease is None or record.lease.run != claim.run:
        return heard
    record.lease = None
    return True


def _why_closed(record: Record, claim: Claim) -> str | None:
    if claim.uid is not None and claim.uid != record.uid:
        return "this order was deleted, and another has its id"
    if record.deleted:
        return "the order was deleted"
    if record.closed:
        return f"the order is {'being cancelled' if record.cancelling else record.status}"
    if claim.attempt != record.attempt and not _is_next_attempt(record, claim):
        return f"the order is on attempt {record.attempt}"
    if claim.step == "deliver" and record.wanted and not _approved(record, claim.attempt):
        return f"attempt {claim.attempt} was not approved"
    return None


def _is_next_attempt(record: Record, claim: Claim) -> bool:
    decision = record.decision_of(record.attempt)
    sent_back = decision is not None and decision.status == "remake"
    return claim.step == "cook" and claim.attempt == record.attempt + 1 and sent_back


def _approved(record: Record, attempt: int) -> bool:
    decision = record.decision_of(attempt)
    return decision is not None and decision.status == "approved"
