"""The picture of an order in a terminal: its rows, its progress, and how it ended."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pizzashop.console.ending import ending
from pizzashop.console.lines import Lines
from pizzashop.console.progress import fraction
from pizzashop.console.record import Record
from pizzashop.console.timeline import rows
from pizzashop.domain.order import DELIVERED


def frame(record: Record, trouble: str = "") -> RenderableType:
    """The whole picture; `trouble` is a quiet line under it."""
    parts: list[RenderableType] = [_header(record), Lines(rows(record)), _indented(_bar(record))]
    if last := ending(record) or trouble:
        parts.append(_indented(Text(last, style="" if record.ended else "dim")))
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


def _indented(part: RenderableType) -> RenderableType:
    return Padding(part, (0, 0, 0, 2), expand=False)
