"""The changes of an order one by one, for what is not a terminal: a plain line each, or a JSON line each."""

from typing import Self

import click

from pizzashop.console.record import Record
from pizzashop.console.text import clean, clock
from pizzashop.domain.history import Entry
from pizzashop.domain.order import PENDING_VALIDATION
from pizzashop.domain.words import say_again, say_who
from pizzashop.streams import json_text


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
    said = say_again(entry.note) if entry.status == "remake" else say_who(entry.status, entry.by, entry.note)
    if entry.status == PENDING_VALIDATION and not record.decision_of(entry.attempt):
        said += f"   approve it: pizzashop approve {record.order_id}"
    return f"{clock(entry.at)}  {clean(said)}"
