"""Whose turn it is: which step of an order may be done just now, whoever asks."""

from typing import Literal

from pizzashop.domain.order import COOK_STEP, ORDER_STEP
from pizzashop.domain.record import Record

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
