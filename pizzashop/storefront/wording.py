"""Orders in the words of the pages: their numbers, pizzas and times."""

import re
from collections.abc import Callable
from datetime import datetime
from math import ceil

from pizzashop.domain.history import now, seconds_since
from pizzashop.domain.ids import DEMO_PREFIX
from pizzashop.domain.menu import MENU
from pizzashop.domain.row import Row
from pizzashop.domain.text import one_line, phone_url
from pizzashop.domain.times import clock, counting, hour, lasted, moment, zone
from pizzashop.domain.words import say, say_again, say_who

PIZZAS = {pizza.key: pizza for pizza in MENU}
_IN_GROUPS = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4})+")


def short(order_id: str) -> str:
    """The part of an order's number that people call out: the first group, where it has groups."""
    number = order_id.removeprefix(DEMO_PREFIX).upper()
    return number.partition("-")[0] if _IN_GROUPS.fullmatch(number) else order_id


def dish(row: Row) -> str:
    """What was ordered: `Quattro formaggi, large`."""
    return f"{pizza_name(row.pizza_type)}, {row.size}"


def pizza_name(pizza_type: str) -> str:
    """A pizza's name as the menu has it, or as it was ordered."""
    pizza = PIZZAS.get(pizza_type)
    return pizza.name if pizza else one_line(pizza_type)


def picture(pizza_type: str) -> str:
    """Which of the drawings shows it; what is not on the menu looks plain."""
    return pizza_type if pizza_type in PIZZAS else "plain"


def elapsed(at: str) -> str:
    """How long ago `at` was: `2:10`."""
    return counting(seconds_since(at))


def roughly(seconds: float) -> str:
    """A time to come, as people say it: in steps of five seconds, then of minutes, then of hours."""
    if seconds <= 0:
        return "no time at all"
    if seconds < 90:
        return f"{5 * ceil(seconds / 5)} seconds"
    return f"{ceil(seconds / 60)} minutes" if seconds < 5400 else f"{ceil(seconds / 3600)} hours"


def soon(at: str) -> str:
    """When something is to be expected: so it is counted down on the page too."""
    seconds = (datetime.fromisoformat(at) - datetime.fromisoformat(now())).total_seconds()
    if seconds <= 0:
        return "any moment now"
    return f"in about {roughly(seconds)}, at {hour(at)}" if seconds > 600 else f"in about {roughly(seconds)}"


FILTERS: dict[str, Callable[..., str]] = {
    "short": short,
    "dish": dish,
    "pizza_name": pizza_name,
    "picture": picture,
    "elapsed": elapsed,
    "clock": clock,
    "moment": moment,
    "hour": hour,
    "zone": zone,
    "one_line": one_line,
    "phone_url": phone_url,
    "roughly": roughly,
    "soon": soon,
    "lasted": lasted,
    "say": say,
    "say_who": say_who,
    "say_again": say_again,
}
