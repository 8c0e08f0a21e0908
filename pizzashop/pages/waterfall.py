"""The waterfall of one order: its record, its spans and its log lines in order of time, with their bars on one axis."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from pizzashop.domain.history import HistoryEntry, epoch_seconds, format_timestamp
from pizzashop.domain.record import OrderSnapshot
from pizzashop.logs.reading import LogLine
from pizzashop.pages.telemetry import OrderTelemetry, Span
from pizzashop.pages.timeline import Axis, draw_stage, end_of_record, is_stage

# A page shows at most so many spans and log lines, and says how many more there are.
MAX_SPANS = 50
MAX_LINES = 200
# Most spans are of calls that last some milliseconds. Those below this share of the axis are left out, unless they are
# longer than the second limit or have failed.
MIN_SPAN_SHARE = 0.001
MIN_SPAN_SECONDS = 0.1
# Spans within spans are moved to the right, up to this level.
MAX_INDENT = 6


class Bar(NamedTuple):
    """Something that lasted, in percent of the axis; a moment has no width, and no seconds."""

    begin: float
    x: float
    width: float = 0
    seconds: float | None = None


class Row(NamedTuple):
    """One row: a bar with its style class, and what it is of. Only one of `entry`, `span` and `line` is there."""

    kind: Literal["record", "span", "log"]
    style: str
    bar: Bar
    entry: HistoryEntry | None = None
    span: Span | None = None
    line: LogLine | None = None

    @property
    def at(self) -> str:
        """When it began or happened."""
        return format_timestamp(datetime.fromtimestamp(self.bar.begin, UTC))

    @property
    def indent(self) -> int:
        """By how many steps the text is moved to the right."""
        return min(self.span.depth, MAX_INDENT) if self.span else 0


class Waterfall(NamedTuple):
    """The rows in order of time, the ticks of the axis as (x, label), and how much there is of each kind.

    `fault` says why the spans are missing. Of spans and lines, the rows have only so many as a page can show.
    """

    rows: list[Row]
    ticks: list[tuple[float, str]]
    traces: int
    spans: int
    lines: int
    hidden_spans: int
    hidden_lines: int
    fault: str


def make_axis(record: OrderSnapshot, telemetry: OrderTelemetry, now: str) -> Axis:
    """Return the axis that has room for all that is known of an order, up to the moment `now` or to its end."""
    starts = [epoch_seconds(record.history[0].at), *(span.begin for span in telemetry.spans)]
    ends = [end_of_record(record, now), *(span.begin + span.seconds for span in telemetry.spans)]
    moments = [line.at.timestamp() for line in telemetry.lines]
    return Axis(min(starts + moments), max(ends + moments))


def draw_waterfall(record: OrderSnapshot, telemetry: OrderTelemetry, axis: Axis) -> Waterfall:
    """Return the waterfall of an order."""
    spans, lines = _choose_spans(telemetry.spans, axis), telemetry.lines[-MAX_LINES:]
    rows = [_record_row(entry, record, axis) for entry in record.history]
    rows += [_span_row(span, axis) for span in spans]
    rows += [Row("log", line.level, _moment(line.at.timestamp(), axis), line=line) for line in lines]
    return Waterfall(
        # At one moment the record comes first, because it stands above the others.
        sorted(rows, key=lambda row: row.bar.begin),
        axis.ticks(),
        len({span.trace_id for span in telemetry.spans}),
        len(telemetry.spans),
        len(telemetry.lines),
        len(telemetry.spans) - len(spans),
        len(telemetry.lines) - len(lines),
        telemetry.fault,
    )


def _choose_spans(spans: Sequence[Span], axis: Axis) -> list[Span]:
    """Return the spans to show, in the same order: the failed ones, then the longest."""
    shortest = min(MIN_SPAN_SECONDS, MIN_SPAN_SHARE * axis.seconds)
    visible = [span for span in spans if span.is_error or span.seconds >= shortest]
    chosen = sorted(visible, key=lambda span: (not span.is_error, -span.seconds))[:MAX_SPANS]
    return [span for span in visible if span in chosen]


def _record_row(entry: HistoryEntry, record: OrderSnapshot, axis: Axis) -> Row:
    begin = epoch_seconds(entry.at)
    if not is_stage(entry):
        return Row("record", entry.status, _moment(begin, axis), entry)
    stage = draw_stage(entry, record.history, axis)
    return Row("record", stage.style, Bar(begin, stage.x, stage.width, stage.seconds), entry)


def _span_row(span: Span, axis: Axis) -> Row:
    place = axis.bar(span.begin, span.begin + span.seconds)
    return Row("span", "failed" if span.is_error else "", Bar(span.begin, *place, span.seconds), span=span)


def _moment(moment: float, axis: Axis) -> Bar:
    return Bar(moment, axis.x(moment))
