"""The coordinates of what the templates draw: toppings on a pizza, the day by the hour, an order's timeline."""

from collections.abc import Iterator, Sequence
from math import cos, pi, sin, sqrt
from typing import NamedTuple

from pizzashop.domain.history import HistoryEntry, epoch_seconds
from pizzashop.domain.lifecycle import DELIVERED, FINAL, OVERDUE, PENDING_VALIDATION, RANK, STATUS_BY_NAME
from pizzashop.domain.record import OrderSnapshot
from pizzashop.presentation.times import running_text

GOLDEN_ANGLE = pi * (3 - sqrt(5))
PIECES_ON_A_PIZZA = 22
# How far from the middle a topping may lie, when the crust's outer edge is at 100.
MAX_DISTANCE = 62.0

# The day's chart is at least this many orders high, so that a single order is no full bar.
MIN_CHART_HEIGHT = 4

# The seconds that may lie between two ticks of a timeline.
TICK_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)
MAX_TICKS = 7
# The least width of a stage in percent, so that a short stage can still be seen.
MIN_WIDTH = 0.3


class Piece(NamedTuple):
    """One piece of a topping: its middle, and by how many degrees it is turned."""

    topping: str
    x: float
    y: float
    turn: int


def pieces(toppings: Sequence[str]) -> list[Piece]:
    """Spread the toppings like the seeds of a sunflower, so that no two pieces overlap."""
    return [_piece(toppings[number % len(toppings)], number) for number in range(PIECES_ON_A_PIZZA)]


def _piece(topping: str, number: int) -> Piece:
    angle, distance = number * GOLDEN_ANGLE, MAX_DISTANCE * sqrt((number + 0.5) / PIECES_ON_A_PIZZA)
    return Piece(topping, round(distance * cos(angle), 1), round(distance * sin(angle), 1), number * 67 % 360)


class HourBar(NamedTuple):
    """The orders of one hour, and its bar in percent of the chart."""

    hour: int
    orders: int
    x: float
    width: float
    y: float
    height: float


def hour_bars(orders_by_hour: Sequence[int]) -> list[HourBar]:
    """Return a bar for each hour of the day; the highest bar has the chart's full height."""
    width, highest = 100 / len(orders_by_hour), max(MIN_CHART_HEIGHT, *orders_by_hour)
    heights = [round(100 * orders / highest, 2) for orders in orders_by_hour]
    return [
        HourBar(hour, orders, round((hour + 0.12) * width, 2), round(0.76 * width, 2), round(100 - height, 2), height)
        for hour, (orders, height) in enumerate(zip(orders_by_hour, heights, strict=True))
    ]


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


def draw_timeline(record: OrderSnapshot, now: str) -> Timeline:
    """Return the timeline of an order up to the moment `now`, or up to its end."""
    axis = _Axis(record.history, record.history[-1].at if record.is_final else now)
    attempts = range(1, max(entry.attempt for entry in record.history) + 1)
    return Timeline([axis.line(attempt) for attempt in attempts], list(axis.pauses()), list(axis.ticks()))


class _Axis:
    """Places the entries of a history, from the first entry to `end`, on a width of 100 percent."""

    def __init__(self, history: Sequence[HistoryEntry], end: str) -> None:
        self._history, self._start = history, epoch_seconds(history[0].at)
        self._end = max(epoch_seconds(end), *(epoch_seconds(entry.at) for entry in history))
        self._span = max(1.0, self._end - self._start)

    def line(self, attempt: int) -> Line:
        entries = [entry for entry in self._history if entry.attempt == attempt]
        marks = [Mark(entry, self._x(entry.at)) for entry in entries if not _is_stage(entry)]
        return Line(attempt, [self._bar(entry) for entry in entries if _is_stage(entry)], marks)

    def pauses(self) -> Iterator[tuple[float, float]]:
        start: float | None = None
        for entry in self._history:
            if entry.kind != "action" or entry.status == OVERDUE:
                continue
            if entry.status == "paused":
                start = self._x(entry.at)
            elif start is not None:
                yield start, round(self._x(entry.at) - start, 2)
                start = None
        if start is not None:
            yield start, round(100 - start, 2)

    def ticks(self) -> Iterator[tuple[float, str]]:
        longest = TICK_SECONDS[-1] * (1 + self._span // 600000)
        step = next((seconds for seconds in TICK_SECONDS if self._span / seconds <= MAX_TICKS), longest)
        for number in range(int(self._span // step) + 1):
            yield round(100 * number * step / self._span, 2), running_text(number * step)

    def _bar(self, entry: HistoryEntry) -> StageBar:
        seconds = self._end_of(entry) - epoch_seconds(entry.at)
        width = max(MIN_WIDTH, 100 * seconds / self._span)
        x = min(self._x(entry.at), 100 - width)
        step = STATUS_BY_NAME[entry.status].step or "order"
        style = "decide" if step == "validate" else step
        return StageBar(entry, round(x, 2), round(width, 2), style, max(0.0, seconds))

    def _end_of(self, entry: HistoryEntry) -> float:
        """Return when the next stage began or the order ended; a wait for the manager ends with the decision too."""
        is_waiting = entry.status == PENDING_VALIDATION
        for later in self._history[self._history.index(entry) + 1 :]:
            if _is_stage(later) or later.status in FINAL or (is_waiting and later.kind == "decision"):
                return epoch_seconds(later.at)
        return self._end

    def _x(self, at: str) -> float:
        return round(100 * (epoch_seconds(at) - self._start) / self._span, 2)


def _is_stage(entry: HistoryEntry) -> bool:
    return entry.kind == "stage" and entry.status in RANK and entry.status != DELIVERED
