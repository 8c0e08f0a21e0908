"""`/orders/<id>`: where a customer sees how the order fares; whoever has the link may look, so it names nobody."""

from collections.abc import Sequence
from math import cos, pi, sin, sqrt
from typing import NamedTuple

from flask import render_template
from flask.typing import ResponseReturnValue

from pizzashop.auth.people import CUSTOMER, MANAGER
from pizzashop.domain.history import utc_timestamp
from pizzashop.domain.record import Record
from pizzashop.domain.text import one_line
from pizzashop.pages import queries
from pizzashop.pages.formats import PIZZAS
from pizzashop.pages.responses import redirect_spelling
from pizzashop.presentation.boards import Board
from pizzashop.presentation.progress import current_attempt, estimate_arrival, progress_line, remake_decisions
from pizzashop.presentation.status_text import failure_text, headline
from pizzashop.web.routes import Routes

GOLDEN_ANGLE = pi * (3 - sqrt(5))
PIECES = 22
REACH = 62.0
"""How far from the middle a topping may lie, where the crust's outer edge is at 100."""


class Piece(NamedTuple):
    """One piece of a topping: its middle, and by how many degrees it is turned."""

    topping: str
    x: float
    y: float
    turn: int


def pieces(toppings: Sequence[str]) -> list[Piece]:
    """Spread the toppings as a sunflower does its seeds, so that no two lie on one another."""
    return [_piece(toppings[number % len(toppings)], number) for number in range(PIECES)] if toppings else []


def _piece(topping: str, number: int) -> Piece:
    angle, distance = number * GOLDEN_ANGLE, REACH * sqrt((number + 0.5) / PIECES)
    return Piece(topping, round(distance * cos(angle), 1), round(distance * sin(angle), 1), number * 67 % 360)


class Scene(NamedTuple):
    """`place` is what stands around the pizza, `made` how far the pizza itself has come."""

    place: str
    made: str = "whole"


_SCENES = {
    "cooking_preparing_ingredients": Scene("table", "dough"),
    "cooking_making_dough": Scene("table", "dough"),
    "cooking_adding_toppings": Scene("table", "sauce"),
    "cooking_baking": Scene("oven"),
    "cooking_quality_check": Scene("table"),
    "cooked": Scene("bell"),
    "pending_validation": Scene("bell"),
    "approved": Scene("box"),
    "remake": Scene("table", "dough"),
    "rejected": Scene("plate"),
    "delivery_finding_driver": Scene("box"),
    "delivery_driver_assigned": Scene("box"),
    "delivery_picked_up": Scene("scooter"),
    "delivery_on_the_way": Scene("scooter"),
    "delivery_arriving": Scene("scooter"),
    "delivery_at_location": Scene("door"),
    "delivered": Scene("served"),
    "failed": Scene("plate"),
    "cancelled": Scene("plate"),
}


def scene(status: str) -> Scene:
    """What is drawn for a status or a decision; before the kitchen has begun, the ticket."""
    return _SCENES.get(status, Scene("ticket"))


routes = Routes("following")


@routes.get("/orders/<order_id>", CUSTOMER, MANAGER)
@redirect_spelling
def show(order_id: str) -> ResponseReturnValue:
    """One order, for its customer."""
    return render_template("following.html", **customer_context(queries.record(order_id)))


def customer_region(state: Record | Board) -> str:
    """The part of it that changes, as HTML."""
    assert isinstance(state, Record)
    return render_template("_following.html", **customer_context(state))


def customer_context(record: Record) -> dict[str, object]:
    """What the page of an order is made of."""
    order, at = record.order, utc_timestamp()
    pizza = PIZZAS.get(order["pizza_type"])
    status, points = _status(record), progress_line(record)
    return {
        "order_id": order["order_id"],
        "pizza": pizza,
        "size": one_line(order["size"]),
        "record": record,
        "headline": headline(pizza.name.lower() if pizza else one_line(order["pizza_type"]), status),
        "sorry": failure_text(record.error) if record.status == "failed" else "",
        "points": points,
        "scene": scene(record.status if record.final else status),
        "arrival": estimate_arrival(record, queries.step_context().pace, at),
        "making": current_attempt(record),
        "sent_back": remake_decisions(record),
        "at": at,
    }


def _status(record: Record) -> str:
    """Its status, or the decision on it, where that is known and nothing has come of it yet."""
    decision = record.decision_of(record.attempt)
    waits = record.status in ("cooked", "pending_validation") and not record.closed
    return decision.status if decision and waits else record.status
