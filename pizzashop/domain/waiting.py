"""Waiting for the manager: how long an order has, and what comes of it. Time paused does not count."""

from datetime import datetime

from pydantic import Field

from pizzashop.domain.history import MAX_HISTORY, Entry
from pizzashop.domain.order import OVERDUE, PENDING_VALIDATION
from pizzashop.domain.record import Record
from pizzashop.domain.requests import Request

REMINDERS = (1, 2, 4, 8)
"""After so many times the shop's reminder the missing decision is told of."""
CLOCK = "the clock"
SOON_SECONDS = 0.01
AFTER_PAUSE_SECONDS = 1.0
"""While it is paused nothing is due: it is asked again so much later, when it goes on."""


class Patience(Request):
    """The workflow asks what has become of a decision; `reminder` and `deadline` in seconds, None: there is none."""

    attempt: int = Field(ge=1)
    uid: str | None = None
    reminder: float | None = Field(None, gt=0)
    deadline: float | None = Field(None, gt=0)
    history: list[Entry] = Field(default_factory=list, max_length=MAX_HISTORY)

    @property
    def moments(self) -> list[float]:
        """After how many seconds of waiting something is due."""
        reminders = [times * self.reminder for times in REMINDERS] if self.reminder else []
        return [*reminders, *([self.deadline] if self.deadline else [])]


class Verdict(Request):
    """A decision as the workflow takes it."""

    approved: bool
    remake: bool


class Standing(Request):
    """The decision that stands, or why the order has failed, or for how many seconds to wait (None: without end)."""

    decision: Verdict | None = None
    failed: str | None = None
    seconds: float | None = None


def stand(record: Record, asked: Patience, at: str) -> Standing:
    """What holds of the decision at the moment `at`; marks the order as overdue, or fails it, where that is due."""
    record.hear(asked.history)
    if record.final:
        return Standing(failed=record.error or f"the order is {record.status}")
    decision = record.decision_of(asked.attempt)
    if decision is not None:
        verdict = decision.status
        return Standing(decision=Verdict(approved=verdict == "approved", remake=verdict == "remake"))
    waited, told = waited_by(record, asked.attempt, at), _told_after(record, asked.attempt)
    if record.paused:
        return _wait(asked, told, waited, AFTER_PAUSE_SECONDS)
    if asked.deadline is not None and waited >= asked.deadline:
        reason = f"Pizza validation failed - no decision within {asked.deadline:g} s"
        record.end("failed", at, reason)
        return Standing(failed=reason)
    if any(told < moment <= waited for moment in asked.moments):
        note = f"no decision for {waited:.0f} s" if waited >= 1 else "no decision yet"
        overdue = Entry(kind="action", status=OVERDUE, attempt=asked.attempt, at=at, by=CLOCK, note=note)
        record.history.append(overdue)
    return _wait(asked, waited, waited, SOON_SECONDS)


def is_due(record: Record, at: str) -> bool:
    """Whether a reminder or the deadline of the present attempt has passed by the moment `at`, and was not noted."""
    if record.terms is None:
        return False  # it was accepted before its record said so
    asked = Patience(attempt=record.attempt, reminder=record.terms.reminder, deadline=record.terms.deadline)
    waited, told = waited_by(record, record.attempt, at), _told_after(record, record.attempt)
    return any(told < moment <= waited for moment in asked.moments)


def waited_by(record: Record, attempt: int, at: str) -> float:
    """For how many seconds, up to `at`, this attempt has waited for its decision while it was not paused."""
    began = record.stages_of(attempt, (PENDING_VALIDATION,))
    if not began:
        return 0.0
    start, end = _moment(began[0].at), _moment(at)
    waited, paused_at = end - start, None
    for entry in record.history:
        if entry.kind == "action" and entry.status == "paused":
            paused_at = _moment(entry.at)
        elif entry.kind == "action" and entry.status == "resumed" and paused_at is not None:
            waited -= _shared(start, end, paused_at, _moment(entry.at))
            paused_at = None
    if paused_at is not None:
        waited -= _shared(start, end, paused_at, end)
    return max(0.0, waited)


def _told_after(record: Record, attempt: int) -> float:
    reminders = [entry.at for entry in record.history if entry.status == OVERDUE and entry.attempt == attempt]
    return waited_by(record, attempt, reminders[-1]) if reminders else 0.0


def _wait(asked: Patience, done: float, waited: float, at_least: float) -> Standing:
    ahead = [moment - waited for moment in asked.moments if moment > done]
    return Standing(seconds=max(at_least, min(ahead))) if ahead else Standing()


def _shared(start: float, end: float, other_start: float, other_end: float) -> float:
    return max(0.0, min(end, other_end) - max(start, other_start))


def _moment(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
