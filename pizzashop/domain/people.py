"""Invented customers and their orders, for demonstrations: nobody of these lives anywhere."""

from random import Random
from typing import Any

from pizzashop.domain.ids import DEMO_PREFIX, new_id
from pizzashop.domain.menu import MENU, SIZES

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


def invented_order(chance: Random) -> dict[str, Any]:
    """An order as somebody could place it; its id says that nobody did."""
    content: dict[str, Any] = {
        "order_id": f"{DEMO_PREFIX}{new_id()[:9].lower()}",
        "pizza_type": chance.choice(MENU).key,
        "size": chance.choice(SIZES).name,
        "customer": {
            "name": f"{chance.choice(FIRST)} {chance.choice(LAST)}",
            "address": f"{chance.randint(1, 120)} {chance.choice(STREETS)}",
            "phone": f"555-01{chance.randint(0, 99):02}",
        },
    }
    return content | ({"wish": chance.choice(WISHES)} if chance.random() < 0.15 else {})
