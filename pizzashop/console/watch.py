"""`pizzashop watch`: follow an order by reading its record again and again until it has ended."""

import time
from typing import TYPE_CHECKING, Self

import click

from pizzashop.console.command import CommandContext, json_option, order_id_argument, pass_command_context
from pizzashop.console.output import json_text
from pizzashop.console.shop import OrderRecord
from pizzashop.domain.history import HistoryEntry
from pizzashop.domain.lifecycle import DELIVERED, PENDING_VALIDATION, entry_text, remake_text
from pizzashop.domain.text import to_single_line
from pizzashop.errors import INTERRUPTED, Unavailable
from pizzashop.presentation.times import clock_time

if TYPE_CHECKING:
    from pizzashop.console.render import LiveView

# A watch ends with this exit code if its order failed or was cancelled.
NOT_DELIVERED = 6


@click.command()
@order_id_argument
@json_option
@pass_command_context
def watch(context: CommandContext, order_id: str, as_json: bool) -> None:
    """Follow an order live, to its end.

    \b
    pizzashop watch 7Q4K-M2XD-9ZRT
    pizzashop watch 7Q4K-M2XD-9ZRT --json | jq .status

    Ends with 0 when the pizza is delivered, with 6 when the order failed or was cancelled. Ctrl-C ends the
    watch; the order goes on. With --json: one line for each change.
    """
    order_id = context.shop.resolve_id(order_id)
    click.get_current_context().exit(watch_order(context, order_id, as_json=as_json))


def watch_order(context: CommandContext, order_id: str, *, as_json: bool) -> int:
    """Show an order until it ends; return the exit code of the command."""
    try:
        with _make_view(context, as_json=as_json) as view:
            record = follow(context, order_id, view)
    except KeyboardInterrupt:
        click.echo(f"The order goes on. Follow it again: pizzashop watch {order_id}", err=True)
        return INTERRUPTED
    return 0 if record.status == DELIVERED else NOT_DELIVERED


def follow(context: CommandContext, order_id: str, view: "LineView | LiveView") -> OrderRecord:
    """Show an order in `view` until it ends, and return its last record; raise Unavailable after a long outage."""
    record, answered_at = context.shop.get_order(order_id), time.monotonic()
    view.show(record)
    while not record.has_ended:
        time.sleep(context.poll_seconds)
        try:
            record, answered_at = context.shop.get_order(order_id), time.monotonic()
            view.show(record)
        except Unavailable:
            outage_seconds = time.monotonic() - answered_at
            if outage_seconds > context.max_outage_seconds:
                raise
            view.show_outage(outage_seconds)
    return record


def _make_view(context: CommandContext, *, as_json: bool) -> "LineView | LiveView":
    if as_json or not context.console.is_terminal or context.console.is_dumb_terminal:
        return LineView(as_json=as_json)
    from pizzashop.console.render import LiveView

    return LiveView(context.console)


class LineView:
    """Print one line, as text or JSON, for each history entry that is new."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._printed: set[HistoryEntry] = set()
        self._in_outage = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """There is nothing to close."""

    def show(self, record: OrderRecord) -> None:
        """Print the entries that were not printed before."""
        self._in_outage = False
        if not self._as_json and not self._printed:
            click.echo(f"Order {record.order_id}   {record.pizza}")
        for entry in record.history:
            if entry not in self._printed:
                self._printed.add(entry)
                click.echo(_json_line(record, entry) if self._as_json else _text_line(record, entry))

    def show_outage(self, _seconds: float) -> None:
        """Print once, to standard error, that the shop does not answer."""
        if not self._in_outage:
            click.echo("No answer from the shop, trying again.", err=True)
        self._in_outage = True


def _json_line(record: OrderRecord, entry: HistoryEntry) -> str:
    return json_text({"order_id": record.order_id, **entry.model_dump(exclude_none=True)})


def _text_line(record: OrderRecord, entry: HistoryEntry) -> str:
    text = remake_text(entry.note) if entry.status == "remake" else entry_text(entry.status, entry.by, entry.note)
    if entry.status == PENDING_VALIDATION and not record.decision_of(entry.attempt):
        text += f"   approve it: pizzashop approve {record.order_id}"
    return f"{clock_time(entry.at)}  {to_single_line(text)}"
