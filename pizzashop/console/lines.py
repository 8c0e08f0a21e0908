"""Rows as lines of a terminal, whatever its width: sign, label, time, and what there is to say or to do."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.text import Text

from pizzashop.console.timeline import Mark, Row
from pizzashop.domain.times import counting, lasted

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
    return counting(row.seconds) if row.mark in ("now", "paused") else lasted(row.seconds)


def _note(row: Row) -> Text:
    return Text.assemble(row.note, " " if row.note and row.command else "", (row.command, "bold"))
