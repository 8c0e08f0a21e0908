"""`/manager/orders`: every order that there is, searched and filtered, and the staff's page of each."""

import json
from contextlib import suppress

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from pizzashop.domain.board import Board, Found
from pizzashop.domain.errors import ShopError
from pizzashop.domain.history import now
from pizzashop.domain.ids import new_id
from pizzashop.domain.menu import MENU
from pizzashop.domain.order import PENDING_VALIDATION
from pizzashop.domain.record import Record
from pizzashop.domain.row import phase_of
from pizzashop.storefront import asking
from pizzashop.storefront.acting import done_by
from pizzashop.storefront.spelling import however_spelled
from pizzashop.storefront.timeline import timeline

blueprint = Blueprint("orders", __name__, url_prefix="/manager/orders")

PAGE = 25
STANDINGS = {
    "": "every order",
    "open": "open",
    "deciding": "waiting for a decision",
    "late": "late",
    "paused": "paused",
    "delivered": "delivered",
    "failed": "failed",
    "cancelled": "cancelled",
}


@blueprint.app_context_processor
def _for_templates() -> dict[str, object]:
    return {"standings": STANDINGS, "pizzas": MENU}


@blueprint.get("")
def index() -> ResponseReturnValue:
    """The orders that stand so, newest first, a page at a time."""
    return _listed("", request.args.get("standing", ""), request.args.get("after", ""))


@blueprint.post("")
def search() -> ResponseReturnValue:
    """The orders of a name or an id: asked with POST, since a customer's name has no place in an address."""
    asked = request.form
    return _listed(asked.get("text", ""), asked.get("standing", ""), asked.get("after", ""))


def _listed(text: str, standing: str, after: str) -> str:
    found: Found = asking.search(text=text[:200].strip(), standing=standing, after=after, limit=PAGE)
    return render_template("orders.html", found=found, text=text, standing=standing, after=after)


@blueprint.get("/<order_id>")
@however_spelled
def show(order_id: str) -> ResponseReturnValue:
    """One order, with its whole way and all that can be done to it now."""
    return page_of(order_id, done=done_by(request.args.get("said", "")))


def page_of(order_id: str, **more: object) -> str:
    """The page of one order; `done` or `trouble` is what has just come of an action."""
    return render_template("order.html", **shown(asking.record(order_id)), **more)


def region(state: Record | Board) -> str:
    """The part of it that changes, as HTML."""
    assert isinstance(state, Record)
    return render_template("_order.html", **shown(state))


def shown(record: Record) -> dict[str, object]:
    """What the page of an order is made of."""
    order_id, runtime = record.order["order_id"], "unknown"
    with suppress(ShopError):
        runtime = asking.runtime_status(order_id)
    return {
        "order": record,
        "order_id": order_id,
        "phase": phase_of(record),
        "decidable": record.status == PENDING_VALIDATION and phase_of(record) == "deciding",
        "timeline": timeline(record, now()),
        "runtime": runtime,
        "fresh": new_id(),
        "raw": json.dumps([entry.model_dump(exclude_none=True) for entry in record.history], indent=1),
        "at": now(),
    }
