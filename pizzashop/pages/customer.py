"""`/orders/<id>`: the page on which a customer follows an order. Anyone with the link may open it: it has no names."""

from flask import render_template
from flask.typing import ResponseReturnValue

from pizzashop.auth.people import CUSTOMER, MANAGER
from pizzashop.domain.history import utc_timestamp
from pizzashop.domain.lifecycle import DECISION_BY_NAME, FAILED, find_failure
from pizzashop.domain.record import OrderSnapshot
from pizzashop.domain.text import to_single_line
from pizzashop.pages.backend import Backend
from pizzashop.pages.rendering import PIZZA_BY_KEY
from pizzashop.pages.responses import redirect_order_id
from pizzashop.presentation.progress import (
    current_attempt,
    estimate_arrival,
    pending_decision,
    progress_line,
    remake_decisions,
    status_row,
)
from pizzashop.web.routes import Routes


def make_customer_routes(backend: Backend, pace: float) -> Routes:
    """Return the route of the page; `pace` is the shop's."""
    routes = Routes("customer")

    @routes.get("/orders/<order_id>", CUSTOMER, MANAGER)
    @redirect_order_id
    def show(order_id: str) -> ResponseReturnValue:
        """One order, for its customer."""
        return render_template("customer.html", **_context(backend.load_order(order_id), pace))

    return routes


def render_order(record: OrderSnapshot, pace: float) -> str:
    """Return the HTML of the part of the page that changes."""
    return render_template("_customer.html", **_context(record, pace))


def _context(record: OrderSnapshot, pace: float) -> dict[str, object]:
    order, now = record.order, utc_timestamp()
    pizza, decision = PIZZA_BY_KEY.get(order["pizza_type"]), pending_decision(record)
    row = DECISION_BY_NAME[decision.status] if decision else status_row(record)
    name = pizza.name.lower() if pizza else to_single_line(order["pizza_type"])
    return {
        "order_id": order["order_id"],
        "pizza": pizza,
        "size": to_single_line(order["size"]),
        "record": record,
        "headline": row.headline.replace("{pizza}", name),
        "apology": find_failure(record.error).text if record.status == FAILED else "",
        "points": progress_line(record),
        "picture": row.picture,
        "arrival": estimate_arrival(record, pace, now),
        "current_attempt": current_attempt(record),
        "remakes": remake_decisions(record),
        "now": now,
    }
