"""What a crash can leave half-done: written to the record and unknown to the engine, or lost by the engine itself."""

from typing import Literal

from pizzashop.domain.claims import LEASE_SECONDS
from pizzashop.domain.decisions import is_due
from pizzashop.domain.history import is_past
from pizzashop.domain.lifecycle import CANCELLED, PENDING_VALIDATION
from pizzashop.domain.record import Record
from pizzashop.domain.suspension import SUSPENSION_LEASE_SECONDS

SETTLE_SECONDS = 4.0
"""How long the process that wrote it has to tell the engine itself."""

STUCK_SECONDS = 60.0
"""How long nothing may be heard of an order that the workflow has to move on."""

Need = Literal["start", "decide", "cancel", "steer"]


def is_over(record: Record) -> bool:
    """Whether the order has ended, and there is nothing that the engine has still to hear."""
    return record.final and (record.status == CANCELLED or record.steering is None)


def need(record: Record, now: float) -> Need | None:
    """What the engine has to be told of this order, if it should know by now; `now` in seconds since the epoch."""
    if record.deleted or not record.wanted or is_over(record):
        return None
    if record.cancelling is not None:
        return "cancel" if is_past(record.cancelling.at, SETTLE_SECONDS) else None
    if not (record.begun or record.final):
        return "start" if is_past(record.history[0].at, SETTLE_SECONDS) else None
    if record.steering is not None:
        return None if record.steering.left(now, SUSPENSION_LEASE_SECONDS) else "steer"
    decision = record.decision_of(record.attempt)
    if decision is None or record.paused or record.status != PENDING_VALIDATION:
        return None
    return "decide" if is_past(max(decision.at, record.history[-1].at), SETTLE_SECONDS) else None


def awaits_engine(record: Record, at: str) -> bool:
    """Whether the workflow has to do something at the moment `at`, so that its record must change before long.

    It need not while the order is paused, nor while the manager has it and no reminder or deadline is due.
    """
    if record.closed or record.paused or not record.wanted:
        return False
    if record.status == PENDING_VALIDATION and record.decision_of(record.attempt) is None:
        return is_due(record, at)
    return True


def is_stuck(record: Record, now: float, at: str) -> bool:
    """Whether the workflow should have done something by the moment `at` (`now` in seconds since the epoch), and
    nothing has been heard of it for a minute."""
    if not awaits_engine(record, at):
        return False
    if record.lease is not None and record.lease.left(now, LEASE_SECONDS):
        return False
    return is_past(max(record.history[-1].at, record.heartbeat_at or ""), STUCK_SECONDS)


def progress(record: Record) -> str:
    """How far the order has come, and who is at it: another text whenever anything of that changes."""
    lease = (record.lease.run, record.lease.until) if record.lease is not None else None
    return f"{record.status} {record.attempt} {len(record.history)} {lease} {record.heartbeat_at}"
