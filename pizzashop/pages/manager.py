"""What the staff do to orders from their pages: decide, pause, resume, cancel, several at once, and order anew.

What was done redirects to a page that says so, by the name of the action. What could not be done answers with its own
status and the reason, on the page where it was asked: nothing is kept for it anywhere.
"""

import json
import time
from contextlib import suppress
from typing import NamedTuple

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue

from pizzashop.auth.people import MANAGER
from pizzashop.domain.history import utc_timestamp
from pizzashop.domain.ids import generate_order_id
from pizzashop.domain.lifecycle import PENDING_VALIDATION
from pizzashop.domain.record import Record
from pizzashop.domain.requests import OrderRef
from pizzashop.errors import InvalidRequest, ShopError
from pizzashop.pages import boards, queries, staff
from pizzashop.pages.actions import ACTIONS, done_text, failure_text, run_action
from pizzashop.pages.responses import redirect_spelling
from pizzashop.pages.timeline import timeline
from pizzashop.presentation.boards import Board, SearchResult, phase_of
from pizzashop.presentation.menu import MENU
from pizzashop.web.problems import HTTP_STATUS_OF
from pizzashop.web.routes import Routes

routes = Routes("orders", prefix="/manager/orders")

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


@routes.blueprint.app_context_processor
def _for_templates() -> dict[str, object]:
    return {"standings": STANDINGS, "pizzas": MENU}


@routes.get("", MANAGER)
def index() -> ResponseReturnValue:
    """The orders that stand so, newest first, a page at a time."""
    return _listed("", request.args.get("standing", ""), request.args.get("after", ""))


@routes.post("", MANAGER)
def search() -> ResponseReturnValue:
    """The orders of a name or an id: asked with POST, since a customer's name has no place in an address."""
    asked = request.form
    return _listed(asked.get("text", ""), asked.get("standing", ""), asked.get("after", ""))


def _listed(text: str, standing: str, after: str) -> str:
    found: SearchResult = queries.search(text=text[:200].strip(), standing=standing, after=after, limit=PAGE)
    return render_template("orders.html", found=found, text=text, standing=standing, after=after)


@routes.get("/<order_id>", MANAGER)
@redirect_spelling
def show(order_id: str) -> ResponseReturnValue:
    "One order, with its whole way and all that can be done to it now."
    return page_of(order_id, done=done_text(request.args.get("said", "")))


def page_of(order_id: str, **more: object) -> str:
    """The page of one order; `done` or `trouble` is what has just come of an action."""
    return render_template("order.html", **order_context(queries.record(order_id)), **more)


def order_region(state: Record | Board) -> str:
    """The part of it that changes, as HTML."""
    assert isinstance(state, Record)
    return render_template("_order.html", **order_context(state))


def order_context(record: Record) -> dict[str, object]:
    """What the page of an order is made of."""
    order_id, runtime = record.order["order_id"], "unknown"
    with suppress(ShopError):
        runtime = queries.runtime_status(order_id)
    return {
        "order": record,
        "order_id": order_id,
        "phase": phase_of(record),
        "decidable": record.status == PENDING_VALIDATION and phase_of(record) == "deciding",
        "timeline": timeline(record, utc_timestamp()),
        "runtime": runtime,
        "fresh": generate_order_id(),
        "raw": json.dumps([entry.model_dump(exclude_none=True) for entry in record.history], indent=1),
        "at": utc_timestamp(),
    }


actions_routes = Routes("doing", prefix="/manager")

MOST_AT_ONCE = 100


SEVERAL_SECONDS = 8.0
"""How long new orders are begun with: one call may take 12 s more."""


class Outcome(NamedTuple):
    """What came of an action on one of several orders."""

    order_id: str
    good: bool
    text: str
    tried: bool = True


@actions_routes.post("/orders/<order_id>/<any(approve, remake, reject, pause, resume, cancel):action>", MANAGER)
def act(order_id: str, action: str) -> ResponseReturnValue:
    """Do one thing to one order."""
    asked, of_order = request.form, request.form.get("back") == "order"
    try:
        run_action(action, order_id, _number(asked.get("attempt", "")), staff.author(), asked.get("note", "").strip())
    except ShopError as error:
        trouble, status = failure_text(error), _status(error)
        page = page_of(order_id, trouble=trouble) if of_order else boards.desk(order_id, trouble)
        return page, status
    back = f"/manager/orders/{order_id}?said={action}" if of_order else f"/manager?said={action}&order={order_id}"
    return redirect(back, 303)


@actions_routes.post("/several", MANAGER)
def several() -> ResponseReturnValue:
    """Do one thing to several orders; what comes of each is said."""
    asked = request.form
    action, note = asked.get("action", ""), asked.get("note", "").strip()
    if action not in ACTIONS:
        raise InvalidRequest("This can be done to several orders: " + ", ".join(ACTIONS))
    chosen = list(dict.fromkeys(asked.getlist("order")))[:MOST_AT_ONCE]
    end = time.monotonic() + SEVERAL_SECONDS
    outcomes = [_try(action, each, note) if time.monotonic() < end else _not_tried(each) for each in chosen]
    return render_template("several.html", action=action, outcomes=outcomes)


@actions_routes.post("/orders/<order_id>/again", MANAGER)
def again(order_id: str) -> ResponseReturnValue:
    """Place an order anew that has failed or was cancelled: the same content, under the id that its page gave it."""
    fresh = OrderRef.parse({"order_id": request.form.get("fresh", "")}).order_id
    try:
        queries.send_command("/start-order", {**queries.record(order_id).order, "order_id": fresh})
    except ShopError as error:
        return page_of(order_id, trouble=failure_text(error)), _status(error)
    return redirect(f"/manager/orders/{fresh}?said=again", 303)


def _try(action: str, chosen: str, note: str) -> Outcome:
    order_id, _, attempt = chosen.partition(":")
    try:
        OrderRef.parse({"order_id": order_id})
        return Outcome(order_id, True, run_action(action, order_id, _number(attempt), staff.author(), note))
    except ShopError as error:
        return Outcome(order_id, False, failure_text(error))


def _not_tried(chosen: str) -> Outcome:
    order_id = chosen.partition(":")[0]
    return Outcome(order_id, False, "Not tried: the others took too long. Choose it again.", tried=False)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 5 else None


def _status(error: ShopError) -> int:
    return next(HTTP_STATUS_OF[kind] for kind in type(error).__mro__ if kind in HTTP_STATUS_OF)
