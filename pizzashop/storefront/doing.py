"""What the staff do to orders from their pages: decide, pause, resume, cancel, several at once, and order anew.

What was done redirects to a page that says so, by the name of the action. What could not be done answers with its own
status and the reason, on the page where it was asked: nothing is kept for it anywhere.
"""

import time
from typing import NamedTuple

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from pizzashop.domain.errors import Invalid, ShopError
from pizzashop.domain.requests import OrderRef
from pizzashop.problems import STATUS_OF
from pizzashop.storefront import asking, boards, orders, staff
from pizzashop.storefront.acting import ACTIONS, act, why_not

blueprint = Blueprint("doing", __name__, url_prefix="/manager")

MOST_AT_ONCE = 100


SEVERAL_SECONDS = 8.0
"""How long new orders are begun with: one call may take 12 s more."""


class Outcome(NamedTuple):
    """What came of an action on one of several orders."""

    order_id: str
    good: bool
    text: str
    tried: bool = True


@blueprint.post("/orders/<order_id>/<any(approve, remake, reject, pause, resume, cancel):action>")
def do(order_id: str, action: str) -> ResponseReturnValue:
    """Do one thing to one order."""
    asked, of_order = request.form, request.form.get("back") == "order"
    try:
        act(action, order_id, _number(asked.get("attempt", "")), staff.by(), asked.get("note", "").strip())
    except ShopError as error:
        trouble, status = why_not(error), _status(error)
        page = orders.page_of(order_id, trouble=trouble) if of_order else boards.desk(order_id, trouble)
        return page, status
    back = f"/manager/orders/{order_id}?said={action}" if of_order else f"/manager?said={action}&order={order_id}"
    return redirect(back, 303)


@blueprint.post("/several")
def several() -> ResponseReturnValue:
    """Do one thing to several orders; what comes of each is said."""
    asked = request.form
    action, note = asked.get("action", ""), asked.get("note", "").strip()
    if action not in ACTIONS:
        raise Invalid("This can be done to several orders: " + ", ".join(ACTIONS))
    chosen = list(dict.fromkeys(asked.getlist("order")))[:MOST_AT_ONCE]
    end = time.monotonic() + SEVERAL_SECONDS
    outcomes = [_try(action, each, note) if time.monotonic() < end else _not_tried(each) for each in chosen]
    return render_template("several.html", action=action, outcomes=outcomes)


@blueprint.post("/orders/<order_id>/again")
def again(order_id: str) -> ResponseReturnValue:
    """Place an order anew that has failed or was cancelled: the same content, under the id that its page gave it."""
    fresh = OrderRef.parse({"order_id": request.form.get("fresh", "")}).order_id
    try:
        asking.tell_workflow("/start-order", {**asking.record(order_id).order, "order_id": fresh})
    except ShopError as error:
        return orders.page_of(order_id, trouble=why_not(error)), _status(error)
    return redirect(f"/manager/orders/{fresh}?said=again", 303)


def _try(action: str, chosen: str, note: str) -> Outcome:
    order_id, _, attempt = chosen.partition(":")
    try:
        OrderRef.parse({"order_id": order_id})
        return Outcome(order_id, True, act(action, order_id, _number(attempt), staff.by(), note))
    except ShopError as error:
        return Outcome(order_id, False, why_not(error))


def _not_tried(chosen: str) -> Outcome:
    order_id = chosen.partition(":")[0]
    return Outcome(order_id, False, "Not tried: the others took too long. Choose it again.", tried=False)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 5 else None


def _status(error: ShopError) -> int:
    return next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)
