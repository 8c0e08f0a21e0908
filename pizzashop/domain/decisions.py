"""Seals: how the workflow knows, without asking, that a decision was recorded before it was raised.

The record keeps a secret. The plan of its workflow holds the print of one seal for each attempt, and an event that the
shop raises shows the seal itself: whoever reads the plan in the engine cannot make it from that.
"""

from datetime import datetime
from hashlib import sha256
from typing import Any

from pydantic import Field

from pizzashop.domain.history import MAX_HISTORY, Entry
from pizzashop.domain.lifecycle import OVERDUE, PENDING_VALIDATION
from pizzashop.domain.record import Record
from pizzashop.domain.requests import Request

REMINDERS = (1, 2, 4, 8)
"""After so many times the shop's reminder the missing decision is told of."""
BY_CLOCK = "the clock"
SOON_SECONDS = 0.01
AFTER_PAUSE_SECONDS = 1.0
"""While it is paused nothing is due: it is asked again so much later, when it goes on."""


class DecisionQuery(Request):
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


class DecisionState(Request):
    """The decision that stands, or why the order has failed, or for how many seconds to wait (None: without end)."""

    decision: Verdict | None = None
    failed: str | None = None
    seconds: float | None = None


def check_decision(record: Record, asked: DecisionQuery, at: str) -> DecisionState:
    """What holds of the decision at the moment `at`; marks the order as overdue, or fails it, where that is due."""
    record.hear(asked.history)
    if record.final:
        return DecisionState(failed=record.error or f"the order is {record.status}")
    decision = record.decision_of(asked.attempt)
    if decision is not None:
        verdict = decision.status
        return DecisionState(decision=Verdict(approved=verdict == "approved", remake=verdict == "remake"))
    waited, told = seconds_waited(record, asked.attempt, at), _told_after(record, asked.attempt)
    if record.paused:
        return _wait(asked, told, waited, AFTER_PAUSE_SECONDS)
    if asked.deadline is not None and waited >= asked.deadline:
        reason = f"Pizza validation failed - no decision within {asked.deadline:g} s"
        record.end("failed", at, reason)
        return DecisionState(failed=reason)
    if any(told < moment <= waited for moment in asked.moments):
        note = f"no decision for {waited:.0f} s" if waited >= 1 else "no decision yet"
        overdue = Entry(kind="action", status=OVERDUE, attempt=asked.attempt, at=at, by=BY_CLOCK, note=note)
        record.history.append(overdue)
    return _wait(asked, waited, waited, SOON_SECONDS)


def is_due(record: Record, at: str) -> bool:
    """Whether a reminder or the deadline of the present attempt has passed by the moment `at`, and was not noted."""
    if record.terms is None:
        return False  # it was accepted before its record said so
    asked = DecisionQuery(attempt=record.attempt, reminder=record.terms.reminder, deadline=record.terms.deadline)
    waited, told = seconds_waited(record, record.attempt, at), _told_after(record, record.attempt)
    return any(told < moment <= waited for moment in asked.moments)


def seconds_waited(record: Record, attempt: int, at: str) -> float:
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
    return seconds_waited(record, attempt, reminders[-1]) if reminders else 0.0


def _wait(asked: DecisionQuery, done: float, waited: float, at_least: float) -> DecisionState:
    ahead = [moment - waited for moment in asked.moments if moment > done]
    return DecisionState(seconds=max(at_least, min(ahead))) if ahead else DecisionState()


def _shared(start: float, end: float, other_start: float, other_end: float) -> float:
    return max(0.0, min(end, other_end) - max(start, other_start))


def _moment(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


def seal(secret: str, attempt: int) -> str:
    """What the shop shows with its decision on this attempt."""
    return _hash(f"{secret} {attempt}")


def prints(secret: str, attempts: int) -> list[str]:
    """What the workflow is given of the seals of so many attempts."""
    return [_hash(seal(secret, attempt)) for attempt in range(1, attempts + 1)]


def fits(known: list[str], attempt: int, shown: Any) -> bool:
    """Whether what an event shows is the seal of this attempt."""
    return isinstance(shown, str) and known[attempt - 1 : attempt] == [_hash(shown)]


def _hash(text: str) -> str:
    return sha256(text.encode(errors="replace")).hexdigest()
