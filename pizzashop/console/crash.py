"""`pizzashop crash`: kill a part of the open shop, and watch the orders wait and go on."""

import time
from collections.abc import Iterator
from typing import Self

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pizzashop.console.command import CommandContext, echo_json, json_option, pass_command_context
from pizzashop.console.shop import OrderRecord
from pizzashop.crash.progress import CrashProgress, OrderProgress, crash_progress, orders_under_way
from pizzashop.crash.requests import Crash, CrashFiles
from pizzashop.domain.history import utc_timestamp
from pizzashop.domain.record import OrderSnapshot
from pizzashop.errors import NotFound, ShopError, Unavailable
from pizzashop.presentation.times import clock_time
from pizzashop.settings import Settings

_LIST_LIMIT = 200
_PENDING, _DONE = ("●", "bold"), ("✓", "green")


@click.command()
@click.argument("part")
@json_option
@pass_command_context
def crash(context: CommandContext, /, part: str, as_json: bool) -> None:
    """Kill a part of the open shop (SIGKILL), and watch the orders wait and go on.

    \b
    pizzashop crash kitchen
    pizzashop crash sidecar-kitchen

    A PART is a role, its sidecar, valkey, postgresql, placement or scheduler. `pizzashop up` kills it and starts it
    again. Refused wherever other machines or a sign-in are involved.
    """
    files = CrashFiles(Settings.from_env().state_dir.expanduser())
    page = context.shop.list_orders(status="open", limit=_LIST_LIMIT)
    moving = orders_under_way(OrderRecord.parse(content) for content in page.get("orders") or ())
    with _open_view(context.console, as_json=as_json) as view:
        progress = _follow(context, files, files.kill(part, moving), view)
    if as_json:
        echo_json(progress.as_json())
    else:
        click.echo("\n" + "\n".join(filter(None, (progress.summary(), progress.explanation()))))
        if not moving:
            click.echo("To see orders wait, place some before: pizzashop order pepperoni, or pizzashop demo")
    click.get_current_context().exit(bool(progress.lost or progress.waiting or progress.unread))


def _follow(context: CommandContext, files: CrashFiles, crash: Crash, view: "_LineView | _LiveView") -> CrashProgress:
    """Show the crash until it is over; raise ShopError if the shop closes or another crash begins meanwhile."""
    records: dict[str, OrderSnapshot | None] = {}
    progress = crash_progress(crash, records)
    while not progress.is_over:
        time.sleep(context.poll_seconds)
        for order_id in [*progress.unread, *progress.lost, *(each.order_id for each in progress.waiting)]:
            try:
                records[order_id] = context.shop.get_order(order_id)
            except NotFound:
                records[order_id] = None
            except Unavailable:
                # The killed part is needed to read orders. Until it is back, the view shows them as they were.
                break
        latest = files.last_crash()
        if latest is None or latest.request.id != crash.request.id:
            raise ShopError("The shop was closed, or another crash began, before this one was over.")
        progress = crash_progress(latest, records)
        view.show(progress)
    return progress


def _open_view(console: Console, *, as_json: bool) -> "_LineView | _LiveView":
    if as_json or not console.is_terminal or console.is_dumb_terminal:
        return _LineView(is_silent=as_json)
    return _LiveView(console)


class _LineView:
    """Print one line for each change."""

    def __init__(self, *, is_silent: bool) -> None:
        self._is_silent = is_silent
        self._printed: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """There is nothing to close."""

    def show(self, progress: CrashProgress) -> None:
        """Print what is new."""
        for text, at in _crash_events(progress.crash):
            self._print_once(text, at)
        for each in progress.orders:
            if each.went_on:
                delay = f", delayed by {each.delay_seconds:.1f} s" if each.is_delayed else ""
                self._print_once(f"order {each.order_id}: {each.text}{delay}", each.latest.at)
            elif each.is_delayed:
                self._print_once(f"order {each.order_id} waits: {each.text}", None)

    def _print_once(self, text: str, at: str | None) -> None:
        if not self._is_silent and text not in self._printed:
            self._printed.add(text)
            click.echo(f"{clock_time(at or utc_timestamp())}  {text}")


class _LiveView:
    """Draw the crash and its orders in the terminal, and draw them again at each change."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._live.stop()

    def show(self, progress: CrashProgress) -> None:
        """Draw the present state."""
        self._live.update(draw_crash(progress), refresh=True)


def draw_crash(progress: CrashProgress) -> RenderableType:
    """Return a drawing of what happened to the part, and below it each order that was under way."""
    crash = progress.crash
    part = Table.grid(padding=(0, 2, 0, 0))
    for label, at in (
        (f"{crash.request.part} killed, pid {crash.pid}", crash.killed_at),
        ("started again by `pizzashop up`", crash.restarted_at),
        ("ready", crash.ready_at),
    ):
        seconds = progress.seconds_to(at)
        part.add_row(
            Text(*(_DONE if at else _PENDING)),
            label,
            Text("" if seconds is None else f"{seconds:.1f} s", justify="right"),
        )
    parts: list[RenderableType] = [part]
    if progress.orders:
        orders = Table.grid(padding=(0, 2, 0, 0))
        for each in progress.orders:
            orders.add_row(*_order_cells(each))
        parts += ["", Text("Orders under way", "bold"), orders]
    return Group(*parts)


def _order_cells(order: OrderProgress) -> tuple[Text, ...]:
    delay = f"delayed by {order.delay_seconds:.1f} s" if order.is_delayed else ""
    symbol = Text(*(_DONE if order.went_on else _PENDING))
    return symbol, Text(order.order_id, "bold"), Text(order.text), Text(delay, "" if order.went_on else "yellow")


def _crash_events(crash: Crash) -> Iterator[tuple[str, str]]:
    part = crash.request.part
    if crash.killed_at:
        yield f"{part} killed, pid {crash.pid}", crash.killed_at
    if crash.restarted_at:
        yield f"{part} started again by `pizzashop up`", crash.restarted_at
    if crash.ready_at:
        yield f"{part} is ready", crash.ready_at
