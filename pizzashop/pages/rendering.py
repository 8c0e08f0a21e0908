"""What every template can use: filters for orders and times, the person who is signed in, and CSRF tokens."""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from math import ceil

from babel.numbers import format_currency, get_currency_precision
from flask import Blueprint, g, has_request_context
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

from pizzashop.auth.authentication import Authenticator
from pizzashop.auth.people import EVERY_STAFF_ROLE, Person
from pizzashop.domain.history import seconds_since, utc_timestamp
from pizzashop.domain.ids import DEMO_PREFIX
from pizzashop.domain.lifecycle import entry_text, remake_text, status_text
from pizzashop.domain.text import phone_url, to_single_line
from pizzashop.pages.drawings import pieces
from pizzashop.presentation.boards import Row
from pizzashop.presentation.menu import MENU
from pizzashop.presentation.times import (
    clock_minute,
    clock_time,
    date_and_time,
    duration_text,
    exact_duration_text,
    running_text,
    zone_name,
)

PIZZA_BY_KEY = {pizza.key: pizza for pizza in MENU}

# Who acts on the pages of a shop in which nobody has to sign in.
OPEN_STAFF = Person("the shop", EVERY_STAFF_ROLE)

_GROUPED_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4})+")


def short_id(order_id: str) -> str:
    """Return the part of an order's id that people call out: the first group of an id that has groups."""
    number = order_id.removeprefix(DEMO_PREFIX).upper()
    return number.partition("-")[0] if _GROUPED_ID.fullmatch(number) else order_id


def pizza_name(pizza_type: str) -> str:
    """Return a pizza's name on the menu; of an unknown pizza, what was ordered."""
    pizza = PIZZA_BY_KEY.get(pizza_type)
    return pizza.name if pizza else to_single_line(pizza_type)


def order_text(row: Row) -> str:
    """Return what was ordered: `Quattro formaggi, large`."""
    return f"{pizza_name(row.pizza_type)}, {row.size}"


def picture_key(pizza_type: str) -> str:
    """Return the key of the drawing for a pizza; an unknown pizza is drawn plain."""
    return pizza_type if pizza_type in PIZZA_BY_KEY else "plain"


def elapsed(at: str) -> str:
    """Return how long ago `at` was: `2:10`."""
    return running_text(seconds_since(at))


def rough_duration(seconds: float) -> str:
    """Return a future duration in steps of five seconds, then of minutes, then of hours."""
    if seconds <= 0:
        return "no time at all"
    if seconds < 90:
        return f"{5 * ceil(seconds / 5)} seconds"
    return f"{ceil(seconds / 60)} minutes" if seconds < 5400 else f"{ceil(seconds / 3600)} hours"


def countdown(at: str) -> str:
    """Return how far ahead `at` is, in the words with which `counting.js` goes on counting."""
    seconds = (datetime.fromisoformat(at) - datetime.fromisoformat(utc_timestamp())).total_seconds()
    if seconds <= 0:
        return "any moment now"
    moment = f", at {clock_minute(at)}" if seconds > 600 else ""
    return f"in about {rough_duration(seconds)}{moment}"


# The filters, each under its own name.
FILTERS: tuple[Callable[..., object], ...] = (
    clock_minute,
    clock_time,
    countdown,
    date_and_time,
    duration_text,
    elapsed,
    entry_text,
    exact_duration_text,
    order_text,
    phone_url,
    picture_key,
    pieces,
    pizza_name,
    remake_text,
    rough_duration,
    short_id,
    status_text,
    to_single_line,
    zone_name,
)


def register_template_helpers(blueprint: Blueprint, currency: str, authenticator: Authenticator) -> None:
    """Give every template of the application the filters, and the variables of `context`."""
    precision = get_currency_precision(currency)

    def money(minor: int) -> str:
        """Return an amount in minor units in the shop's currency: `€7.00` for 700."""
        return format_currency(Decimal(minor).scaleb(-precision), currency, locale="en")

    def csrf_field() -> Markup:
        """Return the hidden field by which the guard knows a form of the shop's own from one of another site."""
        # A part that is rendered for several browsers at once has no token: csrf.js adds that of the page.
        if not authenticator.requires_sign_in or not has_request_context():
            return Markup()
        return Markup('<input type="hidden" name="csrf_token" value="{}">').format(generate_csrf())

    def context() -> dict[str, object]:
        return {
            "staff": g.get("person") if authenticator.requires_sign_in else OPEN_STAFF,
            "signs_in": authenticator.requires_sign_in,
            "csrf_field": csrf_field,
            "csrf_token": generate_csrf,
            "pizzas": MENU,
        }

    for function in (money, *FILTERS):
        blueprint.add_app_template_filter(function)
    blueprint.app_context_processor(context)
