"""Prices as people read them."""

from decimal import Decimal

from babel.numbers import format_currency, get_currency_precision
from flask import current_app

from pizzashop.settings import Settings


def money(minor: int) -> str:
    """An amount in minor units, in the shop's currency: 700 is `€7.00`."""
    settings: Settings = current_app.extensions["settings"]
    amount = Decimal(minor).scaleb(-get_currency_precision(settings.currency))
    return format_currency(amount, settings.currency, locale="en")
