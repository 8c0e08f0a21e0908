"""`/orders/<id>`: where a customer sees how the order fares; whoever has the link may look, so it names nobody."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from pizzashop.domain.arrival import arrival
from pizzashop.domain.board import Board
from pizzashop.domain.history import now
from pizzashop.domain.record import Record
from pizzashop.domain.text import one_line
from pizzashop.domain.tracking import line, making, sent_back
from pizzashop.domain.words import headline, say_failed
from pizzashop.storefront import asking
from pizzashop.storefront.scene import scene
from pizzashop.storefront.spelling import however_spelled
from pizzashop.storefront.wording import PIZZAS

blueprint = Blueprint("following", __name__)


@blueprint.get("/orders/<order_id>")
@however_spelled
def show(order_id: str) -> ResponseReturnValue:
    """One order, for its customer."""
    return render_template("following.html", **shown(asking.record(order_id)))


def region(state: Record | Board) -> str:
    """The part of it that changes, as HTML."""
    assert isinstance(state, Record)
    return render_template("_following.html", **shown(state))


def shown(record: Record) -> dict[str, object]:
    """What the page of an order is made of."""
    order, at = record.order, now()
    pizza = PIZZAS.get(order["pizza_type"])
    status, points = _status(record), line(record)
    return {
        "order_id": order["order_id"],
        "pizza": pizza,
        "size": one_line(order["size"]),
        "record": record,
        "headline": headline(pizza.name.lower() if pizza else one_line(order["pizza_type"]), status),
        "sorry": say_failed(record.error) if record.status == "failed" else "",
        "points": points,
        "scene": scene(record.status if record.final else status),
        "arrival": arrival(record, asking.means().pace, at),
        "making": making(record),
        "sent_back": sent_back(record),
        "at": at,
    }


def _status(record: Record) -> str:
    """Its status, or the decision on it, where that is known and nothing has come of it yet."""
    decision = record.decision_of(record.attempt)
    waits = record.status in ("cooked", "pending_validation") and not record.closed
    return decision.status if decision and waits else record.status
