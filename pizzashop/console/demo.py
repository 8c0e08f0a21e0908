"""`pizzashop demo`: place invented orders, and decide on them as a manager would."""

import time
from collections.abc import Iterator
from random import Random
from typing import Any

import click

from pizzashop.console.command import CommandContext, echo_json, json_option, pass_command_context
from pizzashop.console.shop import OrderRecord
from pizzashop.domain.history import seconds_since
from pizzashop.domain.ids import DEMO_PREFIX, generate_order_id
from pizzashop.domain.lifecycle import PENDING_VALIDATION
from pizzashop.errors import Conflict, NotFound
from pizzashop.presentation.menu import MENU, SIZES
from pizzashop.settings import parse_duration

FIRST_NAMES = ("Ada", "Bruno", "Chiara", "Dario", "Elena", "Fabio", "Greta", "Hugo", "Irma", "Jonas", "Kaia", "Luca")
LAST_NAMES = ("Albers", "Bianchi", "Costa", "Duarte", "Ferri", "Graf", "Holm", "Jansen", "Keller", "Lindt", "Rossi")
STREETS = ("Basil Lane", "Oven Street", "Harbour Road", "Mill Yard", "Tower Hill", "Lime Avenue", "Old Market")
WISHES = ("well done", "no onions, please", "cut in eight", "ring twice", "extra napkins")
WISH_PROBABILITY = 0.15

# The invented manager waits this long before a decision.
DECISION_SECONDS = 12.0
# The invented manager sends the first pizza of an order back with this probability.
REMAKE_PROBABILITY = 0.1
REMAKE_NOTES = ("too dark", "the crust is torn", "no basil on it", "cold in the middle")


def invent_order(random: Random) -> dict[str, Any]:
    """Return a valid order; the prefix of its id shows that it was invented."""
    order: dict[str, Any] = {
        "order_id": f"{DEMO_PREFIX}{generate_order_id()[:9].lower()}",
        "pizza_type": random.choice(MENU).key,
        "size": random.choice(SIZES).name,
        "customer": {
            "name": f"{random.choice(FIRST_NAMES)} {random.choice(LAST_NAMES)}",
            "address": f"{random.randint(1, 120)} {random.choice(STREETS)}",
            "phone": f"555-01{random.randint(0, 99):02}",
        },
    }
    if random.random() < WISH_PROBABILITY:
        order["wish"] = random.choice(WISHES)
    return order


def _parse_seconds(text: str) -> float:
    if (seconds := parse_duration(text)) is None:
        raise click.BadParameter("a number with s, m, h or d, such as 5m")
    return seconds


@click.command()
@click.option("--rate", type=click.FloatRange(0.1, 6000), default=12, show_default=True, help="Orders a minute.")
@click.option("--for", "seconds", metavar="TIME", type=_parse_seconds, help="Stop after this time: 90s, 5m, 1h.")
@click.option("--approve/--no-approve", default=True, show_default=True, help="Decide on them too, as a manager would.")
@json_option
@pass_command_context
def demo(context: CommandContext, rate: float, seconds: float | None, approve: bool, as_json: bool) -> None:
    """Fill the shop with invented orders, until Ctrl-C. Their ids begin with `demo-`.

    \b
    pizzashop demo
    pizzashop demo --rate 60 --for 5m --no-approve

    Most pizzas are approved after a while, one in ten is made again first. With --no-approve you are the manager.
    """
    demonstration = Demonstration(context, 60 / rate, approve)
    try:
        for line in demonstration.run(seconds):
            if not as_json:
                click.echo(line)
    finally:
        if as_json:
            echo_json(demonstration.counts)
        else:
            click.echo("{placed} placed, {approved} approved, {remade} sent back.".format(**demonstration.counts))


class Demonstration:
    """Places an order every `pause_seconds` and, if `decides`, decides on those that wait for a decision."""

    def __init__(self, context: CommandContext, pause_seconds: float, decides: bool) -> None:
        self._shop, self._poll_seconds = context.shop, context.poll_seconds
        self._pause_seconds, self._decides = pause_seconds, decides
        self._random = Random()
        self.counts = {"placed": 0, "approved": 0, "remade": 0}

    def run(self, seconds: float | None) -> Iterator[str]:
        """Run for so many seconds, without end if None; yield a line of text for each order and decision."""
        started = time.monotonic()
        due = started
        while seconds is None or time.monotonic() < started + seconds:
            if time.monotonic() >= due:
                due = max(due + self._pause_seconds, time.monotonic())
                yield self._place_order()
            if self._decides:
                yield from self._decide_on_orders()
            time.sleep(self._poll_seconds)

    def _place_order(self) -> str:
        order = invent_order(self._random)
        self._shop.place_order(order)
        self.counts["placed"] += 1
        return f"{order['order_id']}  {order['pizza_type']}, {order['size']}, for {order['customer']['name']}"

    def _decide_on_orders(self) -> Iterator[str]:
        for content in self._shop.list_orders(status=PENDING_VALIDATION, limit=200)["orders"]:
            record = OrderRecord.parse(content)
            is_undecided = record.order_id.startswith(DEMO_PREFIX) and record.decision_of(record.attempt) is None
            if is_undecided and not record.paused and seconds_since(record.history[-1].at) >= DECISION_SECONDS:
                yield from self._decide(record)

    def _decide(self, record: OrderRecord) -> Iterator[str]:
        decision: dict[str, Any] = {"order_id": record.order_id, "attempt": record.attempt, "by": "the demo"}
        if record.attempt == 1 and self._random.random() < REMAKE_PROBABILITY:
            note = self._random.choice(REMAKE_NOTES)
            decision |= {"approved": False, "remake": True, "note": note}
            count, text = "remade", f"sent back: {note}"
        else:
            decision["approved"] = True
            count, text = "approved", "approved"
        try:
            self._shop.send_decision(decision)
        except (Conflict, NotFound):
            # A person has already decided on the order, or deleted it.
            return
        self.counts[count] += 1
        yield f"{record.order_id}  {text}"
