"""The live view of an order on a terminal: one picture that changes."""

from collections.abc import Sequence
from typing import Self

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pizzashop.console.output import one_line_text
from pizzashop.console.shop import Record
from pizzashop.console.timeline import Mark, Row, fraction, rows
from pizzashop.console.watch import ending_text
from pizzashop.domain.lifecycle import DELIVERED
from pizzashop.presentation.status_text import entry_text
from pizzashop.presentation.times import clock_time, duration_text, running_text

_SIGNS: dict[Mark, tuple[str, str]] = {
    "done": ("✓", "green"),
    "now": ("●", "bold"),
    "paused": ("●", "yellow"),
    "next": ("○", "dim"),
    "again": ("↺", "yellow"),
    "failed": ("✗", "red"),
    "cancelled": ("✗", "dim"),
}
_LABEL_WIDTH = 26
_TIME_WIDTH = 6
_INDENT = 2


class Lines:
    """Draws rows aligned; a note stands beside its row where there is room, else under it."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(_LABEL_WIDTH, *(cell_len(row.label) for row in self._rows))
        for row in self._rows:
            line, note = _line(row, width), _note(row)
            if line.cell_len + 2 + note.cell_len <= options.max_width - _INDENT:
                yield _indented(Text.assemble(line, "  ", note) if note else line, _INDENT)
            else:
                yield _indented(line, _INDENT)
                yield _indented(note, 2 * _INDENT)


def _indented(text: Text, indent: int) -> Padding:
    return Padding(text, (0, 0, 0, indent), expand=False)


def _line(row: Row, width: int) -> Text:
    sign, style = _SIGNS[row.mark]
    label = Text(row.label, style=style if row.mark in ("now", "next") else "", end="")
    label.pad_right(width - label.cell_len)
    line = Text.assemble((sign, style), " ", label, "  ", _time(row).rjust(_TIME_WIDTH))
    line.no_wrap, line.overflow = True, "ellipsis"
    line.rstrip()
    return line


def _time(row: Row) -> str:
    if row.seconds is None:
        return ""
    return running_text(row.seconds) if row.mark in ("now", "paused") else duration_text(row.seconds)


def _note(row: Row) -> Text:
    return Text.assemble(row.note, " " if row.note and row.command else "", (row.command, "bold"))


def order_picture(record: Record, trouble: str = "") -> RenderableType:
    """The whole picture; `trouble` is a quiet line under it."""
    parts: list[RenderableType] = [_header(record), Lines(rows(record)), _padded(_bar(record))]
    if last := ending_text(record) or trouble:
        parts.append(_padded(Text(last, style="" if record.ended else "dim")))
    return Group(*parts)


def _header(record: Record) -> Text:
    return Text.assemble("Order ", (record.order_id, "bold"), "   ", record.pizza)


def _bar(record: Record) -> RenderableType:
    part = fraction(record)
    style = "yellow" if record.paused else "green"
    if record.ended and record.status != DELIVERED:
        style = "dim"
    bar = ProgressBar(total=1.0, completed=part, width=36, complete_style=style, finished_style=style)
    line = Table.grid(padding=(0, 2, 0, 0))
    line.add_row(bar, f"{part:.0%}")
    return line


def _padded(part: RenderableType) -> RenderableType:
    return Padding(part, (0, 0, 0, 2), expand=False)


def order_card(record: Record, runtime: str | None) -> RenderableType:
    """The card of an order; `runtime` is what the workflow engine says of it."""
    return Group(order_picture(record), Text(), _facts(record, runtime), Text(), _history(record))


def _facts(record: Record, runtime: str | None) -> RenderableType:
    table = Table.grid(padding=(0, 3, 0, 0))
    paused = ", paused" if record.paused else ""
    table.add_row("status", f"{record.status}, attempt {record.attempt}{paused}")
    table.add_row("workflow", f"pizza-order-{record.order_id}  {one_line_text(runtime or 'not started')}")
    if record.error:
        table.add_row("error", Text(one_line_text(record.error)))
    if customer := _customer(record):
        table.add_row("customer", Text(customer))
    return Padding(table, (0, 0, 0, 2), expand=False)


def _customer(record: Record) -> str:
    known = record.customer if isinstance(record.customer, dict) else {}
    return one_line_text(", ".join(str(known[field]) for field in ("name", "address", "phone") if known.get(field)))


def _history(record: Record) -> RenderableType:
    table = Table.grid(padding=(0, 3, 0, 0))
    for entry in record.history:
        attempt = f" ({entry.attempt})" if record.attempt > 1 else ""
        said = one_line_text(entry_text(entry.status, entry.by, entry.note))
        table.add_row(clock_time(entry.at), Text(said), Text(entry.status + attempt, style="dim"))
    return Padding(table, (0, 0, 0, 2), expand=False)


class LiveView:
    """Draws the order again at each look at it; the last picture stays."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)
        self._record: Record | None = None

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._live.stop()

    def show(self, record: Record) -> None:
        """Draw the order as it is now."""
        self._record = record
        self._live.update(order_picture(record), refresh=True)

    def lost(self, seconds: float) -> None:
        """Say quietly that the shop has not answered for so long."""
        if self._record:
            # What is over within a second is not worth a line that comes and goes.
            trouble = f"no answer from the shop for {running_text(seconds)}, trying again" if seconds >= 1 else ""
            self._live.update(order_picture(self._record, trouble), refresh=True)
