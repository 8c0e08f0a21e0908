"""Claims: before a role does a step of an order it asks the record, so that each step is done once."""

from typing import Annotated, Literal

from pydantic import Field

from pizzashop.domain.history import MAX_HISTORY, Entry
from pizzashop.domain.known import Lease
from pizzashop.domain.order import COOK_STEP, ORDER_STEP, STEP_BY_NAME, STEPS
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
    if reason is None:
        record.hear(claim.history)
        reason = _why_too_soon(record, claim)
    if reason is not None:
        return Answer(claim="closed", status=record.status, error=reason)
    # The workflow knows the record's uid: a step that somebody tries by hand is not the workflow's first.
    record.begun = record.begun or claim.uid is not None
    step, lease = STEP_BY_NAME[claim.step], record.lease
    began = record.stages_of(claim.attempt, step.announced)
    if record.has_done(step, claim.attempt):
        return Answer(claim="granted", began=began)
    if lease is not None and lease.run != claim.run and lease.until > now and not _is_over(record, lease):
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


def _why_too_soon(record: Record, claim: Claim) -> str | None:
    """A workflow goes step by step: what is tried by hand meanwhile may not begin before its turn."""
    if not record.wanted or claim.step == "order":
        return None
    # An order is taken in once, and cooked in each attempt.
    before, attempt = (ORDER_STEP, 1) if claim.step == "cook" else (COOK_STEP, claim.attempt)
    return None if record.has_done(before, attempt) else f"the order is not {before.done_status} yet"


def _is_over(record: Record, lease: Lease) -> bool:
    """Whether the step that the lease is for has come to its end; nobody gives a lease back for that."""
    return any(step.name == lease.step and record.has_done(step, lease.attempt) for step in STEPS)


def _is_next_attempt(record: Record, claim: Claim) -> bool:
    decision = record.decision_of(record.attempt)
    sent_back = decision is not None and decision.status == "remake"
    return claim.step == "cook" and claim.attempt == record.attempt + 1 and sent_back


def _approved(record: Record, attempt: int) -> bool:
    decision = record.decision_of(attempt)
    return decision is not None and decision.status == "approved"
