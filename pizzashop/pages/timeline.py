"""The way of one order on one axis of time: stages as bars, an attempt a line, decisions and actions as marks."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from pizzashop.domain.history import Entry
from pizzashop.domain.lifecycle import ACCEPTED, COOK_STEP, DELIVER_STEP, FINAL, PENDING_VALIDATION, RANK
from pizzashop.domain.record import Record
from pizzashop.presentation.times import running_text

STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)
"""What the seconds between two ticks may be,"""
MOST_TICKS = 7
THINNEST = 0.3
"""What lasts but a moment is still seen, in percent of the width."""


class Bar(NamedTuple):
    """A stage: where it stands, in percent of the width, whose it is, and how many seconds it has lasted."""

    entry: Entry
    x: float
    width: float
    look: str
    seconds: float


class Mark(NamedTuple):
    """A decision, an action, or the end."""

    entry: Entry
    x: float


class Line(NamedTuple):
    """One attempt."""

    attempt: int
    bars: list[Bar]
    marks: list[Mark]


class Timeline(NamedTuple):
    """All of it; `pauses` and `ticks` are for every line: (from, width) and (where, what it says)."""

    lines: list[Line]
    pauses: list[tuple[float, float]]
    ticks: list[tuple[float, str]]


def timeline(record: Record, now: str) -> Timeline:
    """The timeline of an order, as far as it has come at the moment `now`."""
    return _Drawing(record.history, record.history[-1].at if record.final else now).draw()


class _Drawing:
    """The history between its first entry and `end`."""

    def __init__(self, history: Sequence[Entry], end: str) -> None:
        self._history, self._start = history, _seconds(history[0].at)
        self._end = max(_seconds(end), *(_seconds(entry.at) for entry in history))
        self._span = max(1.0, self._end - self._start)

    def draw(self) -> Timeline:
        attempts = range(1, max(entry.attempt for entry in self._history) + 1)
        return Timeline([self._line(attempt) for attempt in attempts], list(self._pauses()), list(self._ticks()))

    def _line(self, attempt: int) -> Line:
        ours = [entry for entry in self._history if entry.attempt == attempt]
        marks = [Mark(entry, self._x(entry.at)) for entry in ours if not _is_stage(entry)]
        return Line(attempt, [self._bar(entry) for entry in ours if _is_stage(entry)], marks)

    def _bar(self, entry: Entry) -> Bar:
        begins, ends = _seconds(entry.at), self._end_of(entry)
        width = max(THINNEST, 100 * (ends - begins) / self._span)
        x = min(self._x(entry.at), 100 - width)
        return Bar(entry, round(x, 2), round(width, 2), look(entry.status), max(0.0, ends - begins))

    def _end_of(self, entry: Entry) -> float:
        """Until the next stage began, or it was decided what waited for that, or it was all over."""
        waits = entry.status == PENDING_VALIDATION
        follows = self._history[self._history.index(entry) + 1 :]
        for other in follows:
            if _is_stage(other) or other.status in FINAL or (waits and other.kind == "decision"):
                return _seconds(other.at)
        return self._end

    def _pauses(self) -> Iterator[tuple[float, float]]:
        since: str | None = None
        for entry in self._history:
            if entry.kind == "action" and entry.status == "paused":
                since = entry.at
            elif since is not None and entry.kind == "action" and entry.status != "overdue":
                yield self._x(since), round(self._x(entry.at) - self._x(since), 2)
                since = None
        if since is not None:
            yield self._x(since), round(100 - self._x(since), 2)

    def _ticks(self) -> Iterator[tuple[float, str]]:
        step = next((step for step in STEPS if self._span / step <= MOST_TICKS), STEPS[-1] * (1 + self._span // 600000))
        for number in range(int(self._span // step) + 1):
            yield round(100 * number * step / self._span, 2), running_text(number * step)

    def _x(self, at: str) -> float:
        return round(100 * (_seconds(at) - self._start) / self._span, 2)


def look(status: str) -> str:
    """Whose stage it is, as a class of the style."""
    if status == ACCEPTED:
        return "order"
    if status in COOK_STEP.announced:
        return "cook"
    if status == PENDING_VALIDATION:
        return "decide"
    return "deliver" if status in DELIVER_STEP.announced else "order"


def _is_stage(entry: Entry) -> bool:
    return entry.kind == "stage" and entry.status in RANK and entry.status != "delivered"


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
