"""The rules of the reconciler: which commands a crash may have kept from the engine, and which orders are stuck."""

from typing import Literal

from pizzashop.domain.claims import LEASE_SECONDS
from pizzashop.domain.decisions import has_reminder_due
from pizzashop.domain.history import is_past
from pizzashop.domain.lifecycle import CANCELLED, PENDING_VALIDATION
from pizzashop.domain.record import Record
from pizzashop.domain.suspension import SUSPENSION_LEASE_SECONDS

# How long the process that wrote a command to the record has to send it to the engine itself.
COMMAND_GRACE_SECONDS = 4.0
# An order is stuck after so many seconds without progress that its workflow should have made.
STUCK_SECONDS = 60.0

# A command that has to be repeated to the engine.
Need = Literal["start", "decide", "cancel", "suspension"]


def needs_no_command(record: Record) -> bool:
    """Return whether the order has ended, and no command has to be repeated to the engine."""
    return record.is_final and (record.status == CANCELLED or record.suspension_lease is None)


def find_need(record: Record, now: float) -> Need | None:
    """Return the command that the engine should know by now, and may not know; `now` in epoch seconds."""
    if record.deleted or not record.workflow_requested or needs_no_command(record):
        return None
    if record.cancellation is not None:
        return "cancel" if is_past(record.cancellation.at, COMMAND_GRACE_SECONDS) else None
    if not (record.workflow_started or record.is_final):
        return "start" if is_past(record.history[0].at, COMMAND_GRACE_SECONDS) else None
    if record.suspension_lease is not None:
        return None if record.suspension_lease.seconds_left(now, SUSPENSION_LEASE_SECONDS) else "suspension"
    decision = record.decision_of(record.attempt)
    if decision is None or record.paused or record.status != PENDING_VALIDATION:
        return None
    return "decide" if is_past(max(decision.at, record.history[-1].at), COMMAND_GRACE_SECONDS) else None


def awaits_engine(record: Record, at: str) -> bool:
    """Return whether the workflow has something to do at the time `at`, so the record has to change before long.

    It has nothing to do while the order is paused, or waits for the manager and no reminder or deadline is due.
    """
    if record.is_closed or record.paused or not record.workflow_requested:
        return False
    if record.status == PENDING_VALIDATION and record.decision_of(record.attempt) is None:
        return has_reminder_due(record, at)
    return True


def is_stuck(record: Record, now: float, at: str) -> bool:
    """Return whether the order awaits the engine and has made no progress for STUCK_SECONDS.

    `at` and `now` are the same time, as a timestamp and in epoch seconds. This answer is for people only: the
    reconciler observes the progress itself (`Watchdog`), so it compares no times of two machines.
    """
    if not awaits_engine(record, at):
        return False
    if record.lease is not None and record.lease.seconds_left(now, LEASE_SECONDS):
        return False
    return is_past(max(record.history[-1].at, record.heartbeat_at or ""), STUCK_SECONDS)


def format_progress(record: Record) -> str:
    """Return a text that changes whenever the order makes progress, or another run processes it."""
    lease = (record.lease.holder, record.lease.until) if record.lease is not None else None
    return f"{record.status} {record.attempt} {len(record.history)} {lease} {record.heartbeat_at}"
