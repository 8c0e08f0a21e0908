"""`pizzashop logs`: print what all parts of the shop on this machine logged, about one order or last."""

import time
from collections.abc import Iterable
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pizzashop.console.command import CommandContext, echo_json, json_option, parse_id, pass_command_context
from pizzashop.domain.ids import parse_generated_id
from pizzashop.errors import ShopError, Unavailable
from pizzashop.logs.reading import LEVELS, LogLine, LogReader
from pizzashop.settings import Settings

_LEVEL_STYLES = {"warning": "yellow", "error": "bold red", "debug": "dim"}
# The longest name of a part, `sidecar-storefront`, and the longest level.
_PART_WIDTH, _LEVEL_WIDTH = 18, 7


@click.command()
@click.argument("order_id", metavar="[ID]", type=parse_id, required=False)
@click.option("--role", "parts", metavar="PART", multiple=True, help="Only this part, as sidecar-kitchen; repeatable.")
@click.option("--lines", type=click.IntRange(1), default=50, show_default=True, help="Without an ID: so many lines.")
@click.option("--level", type=click.Choice(LEVELS), default=LEVELS[0], help="Leave out what is less than this.")
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines, until Ctrl-C.")
@json_option
@pass_command_context
def logs(
    context: CommandContext,
    /,
    order_id: str | None,
    parts: tuple[str, ...],
    lines: int,
    level: str,
    follow: bool,
    as_json: bool,
) -> None:
    """Show what all parts of the shop logged about an order, or the last lines of all, in order of time.

    \b
    pizzashop logs 7Q4K-M2XD-9ZRT
    pizzashop logs --role kitchen --role sidecar-kitchen --follow

    Reads the log files of `pizzashop up` on this machine, also while the shop is closed. With --json: one object
    for each line.
    """
    directory = Settings.from_env().state_dir.expanduser() / "logs"
    view = _View(context.console, shows_order=not order_id, as_json=as_json)
    with _open_reader(directory, order_id or "", parts, level) as reader:
        found = reader.read()
        if order_id and not found and not parts and level == LEVELS[0]:
            _explain_absence(context, order_id, directory, is_error=not follow)
        view.show(found if order_id else found[-lines:])
        while follow:
            time.sleep(context.poll_seconds)
            view.show(reader.read())


def _open_reader(directory: Path, order_id: str, parts: tuple[str, ...], level: str) -> LogReader:
    """Return a reader of the logs. Raise ShopError if there are none, UsageError if a part has none."""
    with LogReader(directory, order_id) as reader:
        names = reader.part_names()
        if not names:
            raise ShopError(f"There are no logs in {directory}: `pizzashop up` writes them there.")
        if unknown := [part for part in parts if part not in names]:
            known = ", ".join(names)
            raise click.UsageError(f"No part of the shop is called {', '.join(unknown)}. These are: {known}.")
        # People may spell an id of the shop's own form in another way than the logs do.
        logged_id = parse_generated_id(order_id)
        if logged_id and logged_id != order_id and not reader.read():
            return LogReader(directory, logged_id, parts, level)
    return LogReader(directory, order_id, parts, level)


def _explain_absence(context: CommandContext, order_id: str, directory: Path, *, is_error: bool) -> None:
    """Say why no line mentions an order: raise NotFound if it does not exist; otherwise raise ShopError, or print."""
    text = f"No line in {directory} mentions order {order_id}"
    try:
        context.shop.get_order(context.shop.resolve_id(order_id))
        text += f": the logs of its time are gone. See its history: pizzashop status {order_id}"
    except Unavailable:
        text += ", and the shop is not open, which would know whether there is one."
    if is_error:
        raise ShopError(text)
    click.echo(text, err=True)


class _View:
    """Prints log lines with time, part, level and text; the date stands above the lines of each day."""

    def __init__(self, console: Console, *, shows_order: bool, as_json: bool) -> None:
        self._console, self._shows_order, self._as_json = console, shows_order, as_json
        self._day = ""

    def show(self, lines: Iterable[LogLine]) -> None:
        for line in lines:
            if self._as_json:
                echo_json(line.as_json())
            else:
                self._show_date(line)
                self._show_line(line)

    def _show_date(self, line: LogLine) -> None:
        if (day := f"{line.at.astimezone():%Y-%m-%d}") != self._day:
            self._console.print(Text(day, "bold"))
            self._day = day

    def _show_line(self, line: LogLine) -> None:
        at = line.at.astimezone()
        time_text = f"{at:%H:%M:%S}.{at.microsecond // 1000:03}"
        message, newline, traceback = line.text.partition("\n")
        context = self._context_text(line)
        if not self._console.is_terminal:
            head = f"{time_text} {line.part:<{_PART_WIDTH}} {line.level:<{_LEVEL_WIDTH}}"
            click.echo(f"{head} {message}{context}{newline}{traceback}")
            return
        style = _LEVEL_STYLES.get(line.level, "")
        row = Table.grid(padding=(0, 1))
        row.add_column(no_wrap=True)
        row.add_column(no_wrap=True, width=_PART_WIDTH)
        row.add_column(no_wrap=True, width=_LEVEL_WIDTH)
        row.add_column(overflow="fold")
        text = Text.assemble((message, style), (context, "dim"), (newline + traceback, style))
        row.add_row(Text(time_text, "dim"), Text(line.part, "bold"), Text(line.level, style), text)
        self._console.print(row)

    def _context_text(self, line: LogLine) -> str:
        order = f"order {line.order}" if line.order and self._shows_order else ""
        attempt = f"attempt {line.attempt}" if line.attempt else ""
        context = ", ".join(filter(None, (order, attempt)))
        return f"  {context}" if context else ""
