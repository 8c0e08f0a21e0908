"""Orders in the words of the pages: their numbers, pizzas and times."""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from math import ceil

from babel.numbers import format_currency, get_currency_precision
from flask import current_app

from pizzashop.domain.history import seconds_since, utc_timestamp
from pizzashop.domain.ids import DEMO_PREFIX
from pizzashop.domain.text import phone_url, to_single_line
from pizzashop.presentation.boards import Row
from pizzashop.presentation.menu import MENU
from pizzashop.presentation.status_text import entry_text, remake_text, status_text
from pizzashop.presentation.times import clock_minute, clock_time, date_and_time, duration_text, running_text, zone_name
from pizzashop.settings import Settings


def money(minor: int) -> str:
    """An amount in minor units, in the shop's currency: 700 is `€7.00`."""
    settings: Settings = current_app.extensions["settings"]
    amount = Decimal(minor).scaleb(-get_currency_precision(settings.currency))
    return format_currency(amount, settings.currency, locale="en")


PIZZAS = {pizza.key: pizza for pizza in MENU}
_IN_GROUPS = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4})+")


def short_id(order_id: str) -> str:
    """The part of an order's number that people call out: the first group, where it has groups."""
    number = order_id.removeprefix(DEMO_PREFIX).upper()
    return number.partition("-")[0] if _IN_GROUPS.fullmatch(number) else order_id


def order_text(row: Row) -> str:
    """What was ordered: `Quattro formaggi, large`."""
    return f"{pizza_name(row.pizza_type)}, {row.size}"


def pizza_name(pizza_type: str) -> str:
    """A pizza's name as the menu has it, or as it was ordered."""
    pizza = PIZZAS.get(pizza_type)
    return pizza.name if pizza else to_single_line(pizza_type)


def picture(pizza_type: str) -> str:
    """Which of the drawings shows it; what is not on the menu looks plain."""
    return pizza_type if pizza_type in PIZZAS else "plain"


def elapsed(at: str) -> str:
    """How long ago `at` was: `2:10`."""
    return running_text(seconds_since(at))


def rough_duration(seconds: float) -> str:
    """A time to come, as people say it: in steps of five seconds, then of minutes, then of hours."""
    if seconds <= 0:
        return "no time at all"
    if seconds < 90:
        return f"{5 * ceil(seconds / 5)} seconds"
    return f"{ceil(seconds / 60)} minutes" if seconds < 5400 else f"{ceil(seconds / 3600)} hours"


def expected_text(at: str) -> str:
    """When something is to be expected: so it is counted down on the page too."""
    seconds = (datetime.fromisoformat(at) - datetime.fromisoformat(utc_timestamp())).total_seconds()
    if seconds <= 0:
        return "any moment now"
    return (
        f"in about {rough_duration(seconds)}, at {clock_minute(at)}"
        if seconds > 600
        else f"in about {rough_duration(seconds)}"
    )


FILTERS: dict[str, Callable[..., str]] = {
    "short": short_id,
    "dish": order_text,
    "pizza_name": pizza_name,
    "picture": picture,
    "elapsed": elapsed,
    "clock": clock_time,
    "moment": date_and_time,
    "hour": clock_minute,
    "zone": zone_name,
    "to_single_line": to_single_line,
    "phone_url": phone_url,
    "roughly": rough_duration,
    "soon": expected_text,
    "lasted": duration_text,
    "say": status_text,
    "say_who": entry_text,
    "say_again": remake_text,
}
