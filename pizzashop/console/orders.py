"""`pizzashop order`, `status`, `list` and `watch`: place orders, and see what becomes of them."""

import time
from typing import Any, Self

import click

from pizzashop import tracing
from pizzashop.console.command import (
    CommandContext,
    echo_json,
    json_option,
    parse_id,
    parse_new_id,
    pass_command_context,
)
from pizzashop.console.render import LiveView, order_details, order_table
from pizzashop.console.shop import OrderRecord, ShopBusy, ShopNotRunning
from pizzashop.domain.history import HistoryEntry
from pizzashop.domain.ids import generate_order_id
from pizzashop.domain.lifecycle import (
    CANCELLED,
    DELIVERED,
    FAILED,
    HAPPY_PATH,
    PENDING_VALIDATION,
    entry_text,
    remake_text,
)
from pizzashop.domain.text import remove_invisible, to_single_line
from pizzashop.errors import INTERRUPTED, NotFound, Unavailable
from pizzashop.presentation.times import clock_time

# A watch ends with this exit code if its order failed or was cancelled.
NOT_DELIVERED = 6

_STATUS_FILTER = click.Choice(["open", "closed", *HAPPY_PATH, FAILED, CANCELLED])
_order_id_argument = click.argument("order_id", metavar="ID", type=parse_id)


@click.command()
@click.argument("pizza")
@click.option("--size", default="large", show_default=True, help="small, medium, large, or any other word.")
@click.option("--name", help="The customer's name.")
@click.option("--address", help="The customer's address.")
@click.option("--phone", help="The customer's phone number.")
@click.option("--id", "order_id", metavar="ID", type=parse_new_id, help="The order's id; without it a new one is made.")
@click.option("--watch", is_flag=True, help="Follow the order to its end.")
@json_option
@pass_command_context
def order(
    context: CommandContext,
    /,
    pizza: str,
    size: str,
    order_id: str | None,
    watch: bool,
    as_json: bool,
    **customer: str | None,
) -> None:
    """Order a PIZZA.

    \b
    pizzashop order pepperoni --watch
    pizzashop order "quattro stagioni" --size small --name "John Doe" --address "123 Main St"

    While the shop is too busy, the order is sent again for half a minute.
    With --watch it ends with 0 when the pizza is delivered, with 6 when the order failed or was cancelled.
    """
    order_id = order_id or generate_order_id()
    content: dict[str, Any] = {
        "order_id": order_id,
        "pizza_type": remove_invisible(pizza),
        "size": remove_invisible(size),
    }
    if given := {name: remove_invisible(value) for name, value in customer.items() if value is not None}:
        content["customer"] = given
    with tracing.command_span("pizzashop order", order_id):
        answer = _place(context, content)
    if watch:
        click.get_current_context().exit(_watch_order(context, order_id, as_json=as_json))
    if as_json:
        echo_json(answer)
        return
    click.echo(f"Order {order_id}   {to_single_line(f'{pizza}, {size}')}")
    click.echo(f"  follow it     pizzashop watch {order_id}")
    click.echo(f"  approve it    pizzashop approve {order_id}")


def _place(context: CommandContext, content: dict[str, Any]) -> dict[str, Any]:
    try:
        return _place_in_time(context, content)
    except ShopNotRunning:
        raise
    except Unavailable as error:
        # The shop may have taken the order although its answer was lost; a second order would be a second pizza.
        raise Unavailable(f"{error} See whether it was placed: pizzashop status {content['order_id']}") from None


def _place_in_time(context: CommandContext, content: dict[str, Any]) -> dict[str, Any]:
    """Place the order. While the shop is busy, send it again: with the same id it is one order."""
    end, is_first = time.monotonic() + context.max_place_seconds, True
    while True:
        try:
            return context.shop.place_order(content)
        except ShopBusy as error:
            if time.monotonic() + error.retry_after > end:
                raise Unavailable(f"{error} The order was sent for {context.max_place_seconds:g} s.") from None
            if is_first:
                click.echo(f"{error} Sending the order again for {context.max_place_seconds:g} s …", err=True)
            is_first = False
            time.sleep(error.retry_after)


@click.command()
@_order_id_argument
@json_option
@pass_command_context
def status(context: CommandContext, order_id: str, as_json: bool) -> None:
    """Show everything that the shop knows about an order.

    \b
    pizzashop status 7Q4K-M2XD-9ZRT
    pizzashop status 7Q4K-M2XD-9ZRT --json | jq -r .status
    """
    order_id = context.shop.resolve_id(order_id)
    record = context.shop.get_order(order_id)
    try:
        workflow_status: str | None = context.shop.workflow_status(order_id)
    except NotFound:
        # The order was accepted, but no workflow was started for it.
        workflow_status = None
    if as_json:
        echo_json(record.order | {"workflow_status": workflow_status})
    else:
        context.console.print(order_details(record, workflow_status))


@click.command("list")
@click.option("--status", metavar="STATUS", type=_STATUS_FILTER, help="open, closed, or a status of an order.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="Show at most this many.")
@click.option("--after", help="Continue after this place, which the page before names.")
@json_option
@pass_command_context
def list_orders(context: CommandContext, status: str | None, limit: int, after: str | None, as_json: bool) -> None:
    """List the orders, newest first.

    \b
    pizzashop list --status open
    pizzashop list --status pending_validation --json | jq -r '.orders[].order_id' | xargs pizzashop approve
    """
    page = context.shop.list_orders(status=status, limit=limit, after=after)
    if as_json:
        echo_json(page)
        return
    if records := [OrderRecord.parse(content) for content in page.get("orders") or ()]:
        click.echo(order_table(records))
    else:
        click.echo("No orders here. Place one: pizzashop order pepperoni")
    if page.get("next"):
        option = f"--status {status} " if status else ""
        click.echo(f"\nThere are more: pizzashop list {option}--limit {limit} --after {to_single_line(page['next'])}")


@click.command()
@_order_id_argument
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
    click.get_current_context().exit(_watch_order(context, order_id, as_json=as_json))


def _watch_order(context: CommandContext, order_id: str, *, as_json: bool) -> int:
    """Show an order until it ends; return the exit code of the command."""
    try:
        with _open_view(context, as_json=as_json) as view:
            record = _follow(context, order_id, view)
    except KeyboardInterrupt:
        click.echo(f"The order goes on. Follow it again: pizzashop watch {order_id}", err=True)
        return INTERRUPTED
    return 0 if record.status == DELIVERED else NOT_DELIVERED


def _follow(context: CommandContext, order_id: str, view: "LineView | LiveView") -> OrderRecord:
    """Show an order in `view` until it ends, and return its last record; raise Unavailable after a long outage."""
    record, answered_at = context.shop.get_order(order_id), time.monotonic()
    view.show(record)
    while not record.is_final:
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


def _open_view(context: CommandContext, *, as_json: bool) -> "LineView | LiveView":
    if as_json or not context.console.is_terminal or context.console.is_dumb_terminal:
        return LineView(as_json=as_json)
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
                if self._as_json:
                    echo_json({"order_id": record.order_id, **entry.model_dump(exclude_none=True)})
                else:
                    click.echo(_text_line(record, entry))

    def show_outage(self, _seconds: float) -> None:
        """Print once, to standard error, that the shop does not answer."""
        if not self._in_outage:
            click.echo("No answer from the shop, trying again.", err=True)
        self._in_outage = True


def _text_line(record: OrderRecord, entry: HistoryEntry) -> str:
    text = remake_text(entry.note) if entry.status == "remake" else entry_text(entry.status, entry.by, entry.note)
    if entry.status == PENDING_VALIDATION and not record.decision_of(entry.attempt):
        text += f"   approve it: pizzashop approve {record.order_id}"
    return f"{clock_time(entry.at)}  {to_single_line(text)}"
