"""Orders in the words of the pages: their numbers, pizzas and times."""

import re
from collections.abc import Callable
from datetime import datetime

from pizzashop.domain.history import seconds_since
from pizzashop.domain.menu import MENU
from pizzashop.domain.people import PREFIX
from pizzashop.domain.row import Row
from pizzashop.domain.times import counting, lasted
from pizzashop.domain.words import say, say_who

PIZZAS = {pizza.key: pizza for pizza in MENU}
_IN_GROUPS = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4})+")


def short(order_id: str) -> str:
    """The part of an order's number that people call out: the first group, where it has groups."""
    number = order_id.removeprefix(PREFIX).upper()
    return number.partition("-")[0] if _IN_GROUPS.fullmatch(number) else order_id


def dish(row: Row) -> str:
    """What was ordered: `Quattro formaggi, large`."""
    return f"{pizza_name(row.pizza_type)}, {row.size}"


def pizza_name(pizza_type: str) -> str:
    """A pizza's name as the menu has it, or as it was ordered."""
    pizza = PIZZAS.get(pizza_type)
    return pizza.name if pizza else pizza_type


def picture(pizza_type: str) -> str:
    """Which of the drawings shows it; what is not on the menu looks plain."""
    return pizza_type if pizza_type in PIZZAS else "plain"


def elapsed(at: str) -> str:
    """How long ago `at` was: `2:10`."""
    return counting(seconds_since(at))


def clock(at: str) -> str:
    """A moment as the shop's clock shows it."""
    return datetime.fromisoformat(at).astimezone().strftime("%H:%M:%S")


def moment(at: str) -> str:
    """The same with its day: `24 Nov, 18:20`."""
    return datetime.fromisoformat(at).astimezone().strftime("%-d %b, %H:%M")


FILTERS: dict[str, Callable[..., str]] = {
    "short": short,
    "dish": dish,
    "pizza_name": pizza_name,
    "picture": picture,
    "elapsed": elapsed,
    "clock": clock,
    "moment": moment,
    "lasted": lasted,
    "say": say,
    "say_who": say_who,
}
