"""The history of an order: one entry for each thing that happened to it, and the timestamps that entries carry."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pizzashop.domain.lifecycle import CANCELLED, FAILED, RANK

Clock = Callable[[], datetime]

# The form that `format_timestamp` writes. Reading a record checks dozens of timestamps: those need no conversion.
_FORMATTED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")


def utc_now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


def utc_timestamp() -> str:
    """Return the present time: RFC 3339 in UTC with microseconds."""
    return format_timestamp(utc_now())


def format_timestamp(moment: datetime) -> str:
    """Format a time in UTC. All results have one length, so they sort as text."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def seconds_since(at: str) -> float:
    """Return the age of a timestamp in seconds; at least 0, because the clock of another machine may be ahead."""
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds())


def is_past(at: str, seconds: float) -> bool:
    """Return whether `at` is more than `seconds` ago, or so far ahead that a clock must have been set back."""
    return abs((datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()) > seconds


def epoch_seconds(at: str) -> float:
    """Return a timestamp in seconds since the epoch."""
    return datetime.fromisoformat(at).timestamp()


def _normalize_timestamp(at: str) -> str:
    moment = datetime.fromisoformat(at)
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone")
    if _FORMATTED.match(at):
        return at
    try:
        return format_timestamp(moment.astimezone(UTC))
    except OverflowError:
        raise ValueError("the time is outside of the calendar") from None


Timestamp = Annotated[str, Field(max_length=40), AfterValidator(_normalize_timestamp)]


class HistoryEntry(BaseModel):
    """One thing that happened: a stage that began, a decision of the manager, or an operator's action."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Literal["stage", "decision", "action"] = "stage"
    status: str = Field(max_length=64)
    attempt: int = Field(1, ge=1, le=1000)
    at: Timestamp
    by: str | None = None
    note: str | None = None

    @property
    def rank(self) -> tuple[int, int]:
        """Where a stage stands in the process: its attempt, and its stage number. Ranks are unique."""
        return self.attempt, RANK[self.status]


def find_decision(history: Iterable[HistoryEntry], attempt: int) -> HistoryEntry | None:
    """Return the manager's decision on an attempt, None when there is none yet."""
    return next((entry for entry in history if entry.kind == "decision" and entry.attempt == attempt), None)


def insert_stage(history: list[HistoryEntry], stage: HistoryEntry) -> None:
    """Insert a stage behind everything that happened before it. Events may arrive late and in any order."""
    position = len(history)
    while position and _is_later(history[position - 1], stage):
        position -= 1
    # The clocks of two machines may differ, so the rank decides between stages: never insert behind a later stage.
    later = (n for n, entry in enumerate(history[:position]) if _is_stage(entry) and entry.rank > stage.rank)
    history.insert(next(later, position), stage)


def _is_later(entry: HistoryEntry, stage: HistoryEntry) -> bool:
    if entry.status in (FAILED, CANCELLED):
        return True
    if _is_stage(entry):
        return entry.rank > stage.rank
    return datetime.fromisoformat(entry.at) > datetime.fromisoformat(stage.at)


def _is_stage(entry: HistoryEntry) -> bool:
    return entry.kind == "stage" and entry.status in RANK
