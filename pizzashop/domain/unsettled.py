"""What a crash can leave half-done: written to the record, and not yet told to the engine."""

from typing import Literal

from pizzashop.domain.history import seconds_since
from pizzashop.domain.order import CANCELLED, PENDING_VALIDATION
from pizzashop.domain.record import Record

SETTLE_SECONDS = 4.0
"""How long whoever wrote it is given to tell the engine himself."""

Need = Literal["start", "decide", "cancel", "steer"]


def is_over(record: Record) -> bool:
    """Whether the order has ended, and there is nothing that the engine has still to hear."""
    return record.final and (record.status == CANCELLED or record.steering is None)


def need(record: Record, now: float) -> Need | None:
    """What the engine has to be told of this order, if it should know by now; `now` in seconds since the epoch."""
    if record.deleted or not record.wanted or is_over(record):
        return None
    if record.cancelling is not None:
        return "cancel" if seconds_since(record.cancelling.at) > SETTLE_SECONDS else None
    if not (record.begun or record.final):
        return "start" if seconds_since(record.history[0].at) > SETTLE_SECONDS else None
    if record.steering is not None:
        return "steer" if record.steering.until < now else None
    decision = record.decision_of(record.attempt)
    if decision is None or record.paused or record.status != PENDING_VALIDATION:
        return None
    return "decide" if seconds_since(max(decision.at, record.history[-1].at)) > SETTLE_SECONDS else None
