"""The axis of time on which the page of one order draws, and the timeline of its record: a line for each attempt."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pizzashop.domain.history import HistoryEntry, epoch_seconds
from pizzashop.domain.lifecycle import DELIVERED, FINAL, OVERDUE, PENDING_VALIDATION, RANK, STATUS_BY_NAME
from pizzashop.domain.record import OrderSnapshot
from pizzashop.presentation.times import running_text

# The seconds that may lie between two ticks of an axis.
TICK_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)
MAX_TICKS = 7
# The least width of a bar in percent, so that a short one can still be seen.
MIN_WIDTH = 0.3


class Axis:
    """Places moments from `start` to `end`, in seconds since the epoch, on a width of 100 percent."""

    def __init__(self, start: float, end: float) -> None:
        self.start, self.end = start, end
        self.seconds = max(1.0, end - start)

    def x(self, moment: float) -> float:
        """Return the place of a moment."""
        return round(100 * (moment - self.start) / self.seconds, 2)

    def bar(self, begin: float, end: float) -> tuple[float, float]:
        """Return the place and the width of what lasted from `begin` to `end`."""
        width = max(MIN_WIDTH, 100 * (end - begin) / self.seconds)
        return round(min(self.x(begin), 100 - width), 2), round(width, 2)

    def ticks(self) -> list[tuple[float, str]]:
        """Return the place and the label of each tick: the time since the start."""
        longest = TICK_SECONDS[-1] * (1 + self.seconds // 600000)
        step = next((seconds for seconds in TICK_SECONDS if self.seconds / seconds <= MAX_TICKS), longest)
        numbers = range(int(self.seconds // step) + 1)
        return [(round(100 * number * step / self.seconds, 2), running_text(number * step)) for number in numbers]


class StageBar(NamedTuple):
    """A stage on a timeline: its place in percent of the width, its style class, and how many seconds it lasted."""

    entry: HistoryEntry
    x: float
    width: float
    style: str
    seconds: float


class Mark(NamedTuple):
    """A decision, an action or the end on a timeline."""

    entry: HistoryEntry
    x: float


class Line(NamedTuple):
    """The line of one attempt on a timeline."""

    attempt: int
    bars: list[StageBar]
    marks: list[Mark]


class Timeline(NamedTuple):
    """An order's timeline. Pauses are (x, width), ticks are (x, label); both are for all lines."""

    lines: list[Line]
    pauses: list[tuple[float, float]]
    ticks: list[tuple[float, str]]


def draw_timeline(record: OrderSnapshot, axis: Axis) -> Timeline:
    """Return the timeline of an order."""
    history = record.history
    lines = [Line(number, [], []) for number in range(1, max(entry.attempt for entry in history) + 1)]
    for entry in history:
        line = lines[entry.attempt - 1]
        if is_stage(entry):
            line.bars.append(draw_stage(entry, history, axis))
        else:
            line.marks.append(Mark(entry, axis.x(epoch_seconds(entry.at))))
    return Timeline(lines, list(_pauses(history, axis)), axis.ticks())


def is_stage(entry: HistoryEntry) -> bool:
    """Return whether an entry is a stage that lasts; the arrival is a moment."""
    return entry.kind == "stage" and entry.status in RANK and entry.status != DELIVERED


def draw_stage(entry: HistoryEntry, history: Sequence[HistoryEntry], axis: Axis) -> StageBar:
    """Return the bar of a stage, which lasts until the next one begins, the order ends, or the axis does."""
    begin, end = epoch_seconds(entry.at), _end_of(entry, history, axis.end)
    step = STATUS_BY_NAME[entry.status].step or "order"
    style = "decide" if step == "validate" else step
    return StageBar(entry, *axis.bar(begin, end), style, max(0.0, end - begin))


def end_of_record(record: OrderSnapshot, now: str) -> float:
    """Return until when the axis of an order must reach: to its end, or to the moment `now`."""
    last = record.history[-1].at if record.is_final else now
    return max(epoch_seconds(last), *(epoch_seconds(entry.at) for entry in record.history))


def _end_of(entry: HistoryEntry, history: Sequence[HistoryEntry], end: float) -> float:
    """Return when the next stage began or the order ended; a wait for the manager ends with the decision too."""
    is_waiting = entry.status == PENDING_VALIDATION
    for later in history[history.index(entry) + 1 :]:
        if is_stage(later) or later.status in FINAL or (is_waiting and later.kind == "decision"):
            return epoch_seconds(later.at)
    return end


def _pauses(history: Sequence[HistoryEntry], axis: Axis) -> Iterator[tuple[float, float]]:
    start: float | None = None
    for entry in history:
        if entry.kind != "action" or entry.status == OVERDUE:
            continue
        if entry.status == "paused":
            start = axis.x(epoch_seconds(entry.at))
        elif start is not None:
            yield start, round(axis.x(epoch_seconds(entry.at)) - start, 2)
            start = None
    if start is not None:
        yield start, round(100 - start, 2)
