"""Following an order: looks at its record again and again until it has ended."""

import time
from typing import Protocol, Self

import click

from pizzashop.console.output import json_text, one_line_text
from pizzashop.console.session import Session
from pizzashop.console.shop import Record
from pizzashop.console.timeline import seconds_between
from pizzashop.domain.history import Entry
from pizzashop.domain.lifecycle import DELIVERED, FAILED, PENDING_VALIDATION
from pizzashop.errors import INTERRUPTED, Unavailable
from pizzashop.presentation.status_text import entry_text, remake_text
from pizzashop.presentation.times import clock_time, running_text

NOT_DELIVERED = 6
"""The exit code of a watch whose order failed or was cancelled."""


def exit_code(record: Record) -> int:
    """0 where the pizza was delivered, 6 where it never will be."""
    return 0 if record.status == DELIVERED else NOT_DELIVERED


def ending_text(record: Record) -> str:
    """How the order ended; nothing while it has not."""
    if not record.ended:
        return ""
    last = record.last(record.status)
    if record.status == DELIVERED:
        took = f" in {running_text(seconds_between(record.history[0], last))}" if last else ""
        return f"Delivered{took}. Enjoy your pizza!"
    if record.status == FAILED:
        return f"The order failed: {one_line_text(record.error or 'nobody said why').rstrip('.')}."
    said = entry_text(record.status, last.by, last.note) if last else "cancelled"
    return f"The order was {one_line_text(said).rstrip('.')}."


class Feed:
    """Writes each entry of the history once, when it is first seen."""

    def __init__(self, *, as_json: bool) -> None:
        self._line = _json_line if as_json else _plain_line
        self._plain = not as_json
        self._seen: set[Entry] = set()
        self._lost = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing is held open."""

    def show(self, record: Record) -> None:
        """Write what is new."""
        self._lost = False
        if self._plain and not self._seen:
            click.echo(f"Order {record.order_id}   {record.pizza}")
        for entry in record.history:
            if entry not in self._seen:
                self._seen.add(entry)
                click.echo(self._line(record, entry))

    def lost(self, _seconds: float) -> None:
        """Say once, apart from the output, that the shop does not answer."""
        if not self._lost:
            click.echo("No answer from the shop, trying again.", err=True)
        self._lost = True


def _json_line(record: Record, entry: Entry) -> str:
    return json_text({"order_id": record.order_id, **entry.model_dump(exclude_none=True)})


def _plain_line(record: Record, entry: Entry) -> str:
    said = remake_text(entry.note) if entry.status == "remake" else entry_text(entry.status, entry.by, entry.note)
    if entry.status == PENDING_VALIDATION and not record.decision_of(entry.attempt):
        said += f"   approve it: pizzashop approve {record.order_id}"
    return f"{clock_time(entry.at)}  {one_line_text(said)}"


class View(Protocol):
    """Where a watched order is shown."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...
    def show(self, record: Record) -> None:
        """Show the order as it is now."""

    def lost(self, seconds: float) -> None:
        """Show that the shop has not answered for so long."""


def watch_to_end(desk: Session, order_id: str, *, as_json: bool) -> int:
    """Follow the order to its end; answers the exit code that says how that was."""
    try:
        with _view(desk, as_json=as_json) as view:
            return exit_code(follow(desk, order_id, view))
    except KeyboardInterrupt:
        click.echo(f"The order goes on. Follow it again: pizzashop watch {order_id}", err=True)
        return INTERRUPTED


def follow(desk: Session, order_id: str, view: View) -> Record:
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


def _view(desk: Session, *, as_json: bool) -> View:
    if as_json or not desk.console.is_terminal or desk.console.is_dumb_terminal:
        return Feed(as_json=as_json)
    from pizzashop.console.render import LiveView

    return LiveView(desk.console)
