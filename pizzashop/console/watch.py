"""Following an order: looks at its record again and again until it has ended."""

import time
from typing import Protocol, Self

import click

from pizzashop.console.desk import Desk
from pizzashop.console.ending import exit_code
from pizzashop.console.feed import Feed
from pizzashop.console.record import Record
from pizzashop.domain.errors import INTERRUPTED, Unavailable


class View(Protocol):
    """Where a watched order is shown."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...
    def show(self, record: Record) -> None:
        """Show the order as it is now."""

    def lost(self, seconds: float) -> None:
        """Show that the shop has not answered for so long."""


def watch(desk: Desk, order_id: str, *, as_json: bool) -> int:
    """Follow the order to its end; answers the exit code that says how that was."""
    try:
        with _view(desk, as_json=as_json) as view:
            return exit_code(follow(desk, order_id, view))
    except KeyboardInterrupt:
        click.echo(f"The order goes on. Follow it again: pizzashop watch {order_id}", err=True)
        return INTERRUPTED


def follow(desk: Desk, order_id: str, view: View) -> Record:
    """Show the order until it ends; raises Unavailable once the shop has been away for too long."""
    record, heard = desk.shop.record(order_id), time.monotonic()
    view.show(record)
    while not record.ended:
        time.sleep(desk.interval)
        try:
            record, heard = desk.shop.record(order_id), time.monotonic()
            view.show(record)
        except Unavailable:
            away = time.monotonic() - heard
            if away > desk.patience:
                raise
            view.lost(away)
    return record


def _view(desk: Desk, *, as_json: bool) -> View:
    if as_json or not desk.console.is_terminal or desk.console.is_dumb_terminal:
        return Feed(as_json=as_json)
    from pizzashop.console.live import LiveView

    return LiveView(desk.console)
