"""`pizzashop demo`: fills the shop with invented orders, so that it is seen alive."""

import re
import time
from collections.abc import Iterator
from random import Random
from typing import Any

import click

from pizzashop.console.session import Session, as_json, echo_json, pass_session
from pizzashop.console.shop import Record
from pizzashop.domain.history import seconds_since
from pizzashop.domain.ids import DEMO_PREFIX, generate_order_id
from pizzashop.domain.lifecycle import PENDING_VALIDATION
from pizzashop.errors import Conflict, NotFound
from pizzashop.presentation.menu import MENU, SIZES

FIRST = ("Ada", "Bruno", "Chiara", "Dario", "Elena", "Fabio", "Greta", "Hugo", "Irma", "Jonas", "Kaia", "Luca", "Mina")
LAST = (
    "Albers",
    "Bianchi",
    "Costa",
    "Duarte",
    "Eriksen",
    "Ferri",
    "Graf",
    "Holm",
    "Jansen",
    "Keller",
    "Lindt",
    "Rossi",
)
STREETS = ("Basil Lane", "Oven Street", "Harbour Road", "Mill Yard", "Tower Hill", "Lime Avenue", "Old Market")
WISHES = ("well done", "no onions, please", "cut in eight", "ring twice", "extra napkins")


def invent_order(chance: Random) -> dict[str, Any]:
    """An order as somebody could place it; its id says that nobody did."""
    content: dict[str, Any] = {
        "order_id": f"{DEMO_PREFIX}{generate_order_id()[:9].lower()}",
        "pizza_type": chance.choice(MENU).key,
        "size": chance.choice(SIZES).name,
        "customer": {
            "name": f"{chance.choice(FIRST)} {chance.choice(LAST)}",
            "address": f"{chance.randint(1, 120)} {chance.choice(STREETS)}",
            "phone": f"555-01{chance.randint(0, 99):02}",
        },
    }
    return content | ({"wish": chance.choice(WISHES)} if chance.random() < 0.15 else {})


LOOKS_AFTER_SECONDS = 12.0
"""How long an invented manager lets a pizza wait."""
ONE_IN = 10
"""One pizza in so many is sent back, the first time."""
NOTES = ("too dark", "the crust is torn", "no basil on it", "cold in the middle")

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def _duration(_context: click.Context, _option: click.Parameter, said: str | None) -> float | None:
    if said is None:
        return None
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smh]?)", said)
    if found is None:
        raise click.BadParameter("a number with s, m or h, such as 5m")
    return float(found[1]) * _UNITS[found[2]]


@click.command()
@click.option("--rate", type=click.FloatRange(0.1, 6000), default=12, show_default=True, help="Orders a minute.")
@click.option("--for", "seconds", metavar="TIME", callback=_duration, help="Stop after so long: 90s, 5m, 1h.")
@click.option("--approve/--no-approve", default=True, show_default=True, help="Decide on them too, as a manager would.")
@as_json
@pass_session
def demo(desk: Session, rate: float, seconds: float | None, approve: bool, as_json: bool) -> None:
    """Fill the shop with invented orders, until Ctrl-C. Their ids begin with `demo-`.

    \b
    pizzashop demo
    pizzashop demo --rate 60 --for 5m --no-approve

    Most pizzas are approved after a while, one in ten is made again first. With --no-approve you are the manager.
    """
    demonstration = Demonstration(desk, 60 / rate, approve)
    try:
        for said in demonstration.go(seconds):
            if not as_json:
                click.echo(said)
    finally:
        if as_json:
            echo_json(demonstration.counts)
        else:
            click.echo("{placed} placed, {approved} approved, {remade} sent back.".format(**demonstration.counts))


class Demonstration:
    """Places an order every `pause` seconds and, where it `approves`, decides on those that wait."""

    def __init__(self, desk: Session, pause: float, approves: bool) -> None:
        self._desk, self._pause, self._approves = desk, pause, approves
        self._chance = Random()
        self.counts = {"placed": 0, "approved": 0, "remade": 0}

    def go(self, seconds: float | None) -> Iterator[str]:
        """Says what it does, line by line."""
        begin = time.monotonic()
        due = begin
        while seconds is None or time.monotonic() < begin + seconds:
            if time.monotonic() >= due:
                due = max(due + self._pause, time.monotonic())
                yield self._place()
            if self._approves:
                yield from self._decide()
            time.sleep(self._desk.interval)

    def _place(self) -> str:
        order = invent_order(self._chance)
        self._desk.shop.place(order)
        self.counts["placed"] += 1
        return f"{order['order_id']}  {order['pizza_type']}, {order['size']}, for {order['customer']['name']}"

    def _decide(self) -> Iterator[str]:
        page = self._desk.shop.records({"status": PENDING_VALIDATION, "limit": "200"})
        for each in page["orders"]:
            record = Record.parse(each)
            if self._is_due(record):
                yield from self._say_what_it_is(record)

    def _is_due(self, record: Record) -> bool:
        ours = record.order_id.startswith(DEMO_PREFIX) and record.decision_of(record.attempt) is None
        return ours and not record.paused and seconds_since(record.history[-1].at) >= LOOKS_AFTER_SECONDS

    def _say_what_it_is(self, record: Record) -> Iterator[str]:
        again = record.attempt == 1 and self._chance.random() < 1 / ONE_IN
        decision: dict[str, Any] = {"order_id": record.order_id, "attempt": record.attempt, "by": "the demo"}
        says = {"approved": False, "remake": True, "note": self._chance.choice(NOTES)} if again else {"approved": True}
        try:
            self._desk.shop.decide(decision | says)
        except (Conflict, NotFound):
            return  # somebody was quicker
        self.counts["remade" if again else "approved"] += 1
        yield f"{record.order_id}  {'sent back: ' + str(says['note']) if again else 'approved'}"
