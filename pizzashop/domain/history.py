"""The history of an order: what happened to it, one entry each."""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pizzashop.domain.lifecycle import CANCELLED, FAILED, RANK

MAX_HISTORY = 200
"""Entries that an order carries along: more than the most remakes make (21 attempts of 7, and 10)."""


_SAID = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")
"""What `said` says: a record has dozens of these, each read whenever the record is."""


def utc_timestamp() -> str:
    """The present moment, RFC 3339 in UTC with microseconds."""
    return format_timestamp(datetime.now(UTC))


def seconds_since(at: str) -> float:
    """How long ago `at` was; never less than 0, whatever another machine's clock says."""
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds())


def is_past(at: str, seconds: float) -> bool:
    """Whether `at` was more than `seconds` ago. A moment so far ahead counts too: a clock was set back since."""
    return abs((datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()) > seconds


def format_timestamp(moment: datetime) -> str:
    """A moment in UTC as the shop writes it: of one length, so that they sort as words."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _moment(at: str) -> str:
    moment = datetime.fromisoformat(at)
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone")
    if _SAID.match(at):
        return at
    try:
        return format_timestamp(moment.astimezone(UTC))
    except OverflowError:
        raise ValueError("a time outside of all calendars") from None


Moment = Annotated[str, Field(max_length=40), AfterValidator(_moment)]


class HistoryEntry(BaseModel):
    """One thing that happened: a stage that began, a decision of the manager, or an operator's action."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Literal["stage", "decision", "action"] = "stage"
    status: str = Field(max_length=64)
    attempt: int = Field(1, ge=1, le=1000)
    at: Moment
    by: str | None = None
    note: str | None = None

    @property
    def place(self) -> tuple[int, int]:
        """Where a stage comes in the way of an order; entries of one place are the same thing heard twice."""
        return self.attempt, RANK[self.status]


def insert(history: list[HistoryEntry], entry: HistoryEntry) -> None:
    """Put a stage in its place: after what came before it, however late it is heard of."""
    where = len(history)
    while where and _later(history[where - 1], entry):
        where -= 1
    # The clocks of two machines may differ: a stage never stands behind one that comes after it.
    ahead = (n for n, each in enumerate(history[:where]) if _is_stage(each) and each.place > entry.place)
    history.insert(next(ahead, where), entry)


def _later(present: HistoryEntry, entry: HistoryEntry) -> bool:
    if present.status in (FAILED, CANCELLED):
        return True  # the end, which stays the last
    if _is_stage(present):
        return present.place > entry.place
    return datetime.fromisoformat(present.at) > datetime.fromisoformat(entry.at)


def _is_stage(entry: HistoryEntry) -> bool:
    return entry.kind == "stage" and entry.status in RANK
