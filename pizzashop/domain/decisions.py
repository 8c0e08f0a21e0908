"""Decisions on a cooked pizza: the one that counts, the reminders while it is missing, and the deadline."""

from typing import Self

from pydantic import Field

from pizzashop.domain.history import HistoryEntry, epoch_seconds
from pizzashop.domain.lifecycle import OVERDUE, PENDING_VALIDATION
from pizzashop.domain.record import Record
from pizzashop.domain.requests import Request

# A missing decision is noted after so many times the reminder of the settings.
_REMINDERS = (1, 2, 4, 8)
# The author of such an entry in the history: no person notes it.
_BY_CLOCK = "the clock"
_MIN_WAIT_SECONDS = 0.01
# Nothing is due while the order is paused, so the workflow asks again so long after it was resumed.
_WAIT_AFTER_PAUSE_SECONDS = 1.0


class DecisionQuery(Request):
    """The workflow's question about a decision; `reminder` and `deadline` in seconds, None when not set."""

    attempt: int = Field(ge=1)
    uid: str | None = None
    reminder: float | None = Field(None, gt=0)
    deadline: float | None = Field(None, gt=0)

    def due_seconds(self) -> list[float]:
        """Return after how many seconds of waiting a reminder or the deadline is due."""
        reminders = [times * self.reminder for times in _REMINDERS] if self.reminder else []
        return [*reminders, *([self.deadline] if self.deadline else [])]


class DecisionFlags(Request):
    """The verdict of a decision as the workflow reads it: when both are false, the pizza is rejected."""

    approved: bool
    remake: bool

    @classmethod
    def of(cls, decision: HistoryEntry) -> Self:
        """Return the flags of a decision in the history."""
        return cls(approved=decision.status == "approved", remake=decision.status == "remake")


class DecisionState(Request):
    """The decision that counts, or why the order has failed, or for how many seconds to wait (None: without end)."""

    decision: DecisionFlags | None = None
    failed: str | None = None
    seconds: float | None = None


def check_decision(record: Record, query: DecisionQuery, at: str) -> DecisionState:
    """Return the state of the decision at the time `at`; mark the order as overdue, or fail it, when that is due."""
    if record.is_final:
        return DecisionState(failed=record.error or f"the order is {record.status}")
    decision = record.decision_of(query.attempt)
    if decision is not None:
        return DecisionState(decision=DecisionFlags.of(decision))
    waited, noted = seconds_waited(record, query.attempt, at), _seconds_noted(record, query.attempt)
    if record.paused:
        return _wait(query, waited, noted, _WAIT_AFTER_PAUSE_SECONDS)
    if query.deadline is not None and waited >= query.deadline:
        reason = f"Pizza validation failed - no decision within {query.deadline:g} s"
        record.end("failed", at, reason)
        return DecisionState(failed=reason)
    if _is_due(query, waited, noted):
        note = f"no decision for {waited:.0f} s" if waited >= 1 else "no decision yet"
        overdue = HistoryEntry(kind="action", status=OVERDUE, attempt=query.attempt, at=at, by=_BY_CLOCK, note=note)
        record.history.append(overdue)
    return _wait(query, waited, waited, _MIN_WAIT_SECONDS)


def has_reminder_due(record: Record, at: str) -> bool:
    """Return whether a reminder or the deadline of the present attempt is due at the time `at`, and not noted yet."""
    settings = record.workflow_settings
    if settings is None:
        return False
    query = DecisionQuery(attempt=record.attempt, reminder=settings.reminder, deadline=settings.deadline)
    return _is_due(query, seconds_waited(record, record.attempt, at), _seconds_noted(record, record.attempt))


def seconds_waited(record: Record, attempt: int, at: str) -> float:
    """Return for how many seconds, up to `at`, this attempt has waited for its decision while it was not paused."""
    pending = record.begun_stages(attempt, (PENDING_VALIDATION,))
    if not pending:
        return 0.0
    start, end = epoch_seconds(pending[0].at), epoch_seconds(at)
    waited, paused_at = end - start, None
    for entry in record.history:
        if entry.kind == "action" and entry.status == "paused":
            paused_at = epoch_seconds(entry.at)
        elif entry.kind == "action" and entry.status == "resumed" and paused_at is not None:
            waited -= _overlap(start, end, paused_at, epoch_seconds(entry.at))
            paused_at = None
    if paused_at is not None:
        waited -= _overlap(start, end, paused_at, end)
    return max(0.0, waited)


def _seconds_noted(record: Record, attempt: int) -> float:
    """Return how long the attempt had waited when its last reminder was noted, 0 when none was."""
    reminders = [entry.at for entry in record.history if entry.status == OVERDUE and entry.attempt == attempt]
    return seconds_waited(record, attempt, reminders[-1]) if reminders else 0.0


def _is_due(query: DecisionQuery, waited: float, noted: float) -> bool:
    return any(noted < seconds <= waited for seconds in query.due_seconds())


def _wait(query: DecisionQuery, waited: float, noted: float, min_seconds: float) -> DecisionState:
    ahead = [seconds - waited for seconds in query.due_seconds() if seconds > noted]
    return DecisionState(seconds=max(min_seconds, min(ahead))) if ahead else DecisionState()


def _overlap(start: float, end: float, other_start: float, other_end: float) -> float:
    return max(0.0, min(end, other_end) - max(start, other_start))
