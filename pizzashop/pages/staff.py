"""The staff's pages: the boards, and for the manager the list of orders, the page of one order, and its actions.

After an action the browser is redirected to a page that confirms it, because its address names the action. A failed
action answers with its HTTP status, and shows the reason on the page from which it was sent.
"""

import json
import time
from contextlib import suppress
from typing import Any, NamedTuple

from flask import g, redirect, render_template, request
from flask.typing import ResponseReturnValue

from pizzashop.auth.people import COURIER, KITCHEN, MANAGER
from pizzashop.dapr.sidecar import INVOKE_SECONDS
from pizzashop.domain.history import utc_timestamp
from pizzashop.domain.ids import generate_order_id
from pizzashop.domain.lifecycle import FINAL, PENDING_VALIDATION, STATUSES
from pizzashop.domain.record import OrderSnapshot
from pizzashop.domain.requests import ORDER_ID_PATTERN, check_order_id
from pizzashop.domain.suspension import COMMAND_TIMEOUT_SECONDS
from pizzashop.errors import InvalidRequest, Refused, ShopError
from pizzashop.pages.backend import Backend
from pizzashop.pages.drawings import hour_bars
from pizzashop.pages.responses import redirect_order_id
from pizzashop.pages.telemetry import Telemetry
from pizzashop.pages.timeline import draw_timeline
from pizzashop.pages.waterfall import draw_waterfall, make_axis
from pizzashop.presentation.boards import ORDER_FILTERS, Board
from pizzashop.presentation.progress import phase_of
from pizzashop.web.problems import http_status_of
from pizzashop.web.routes import Routes

# How many orders each list of a board shows at most; the list then says how many more there are.
MAX_ORDERS_ON_BOARD = {"kitchen": 24, "manager": 40, "delivery": 60}
ORDERS_PER_PAGE = 25
MAX_SEARCH_LENGTH = 200
# The filters of the list of orders, each with its words.
FILTERS = {"": "every order"} | {
    name: order_filter.text for name, order_filter in ORDER_FILTERS.items() if name not in STATUSES or name in FINAL
}

MAX_ORDERS_AT_ONCE = 100


class Action(NamedTuple):
    """An action on an order: the path and content of its command, and the words when it is done."""

    path: str
    content: dict[str, Any]
    done: str


ACTIONS = {
    "approve": Action("/validate-pizza", {"approved": True}, "Approved. It goes on its way."),
    "remake": Action("/validate-pizza", {"approved": False, "remake": True}, "Sent back. The kitchen makes a new one."),
    "reject": Action("/validate-pizza", {"approved": False}, "Rejected. The order has failed."),
    "pause": Action("/pause-order", {}, "Paused. What is under way is finished, and nothing new begins."),
    "resume": Action("/resume-order", {}, "It goes on."),
    "cancel": Action("/cancel-order", {}, "Cancelled."),
}
DECISIONS = frozenset({"approve", "remake", "reject"})


class Outcome(NamedTuple):
    """What became of an action on one of several orders."""

    order_id: str
    is_done: bool
    text: str
    is_tried: bool = True


def make_board_routes(backend: Backend) -> Routes:
    """Return the routes of the kitchen's and the courier's board."""
    routes = Routes("boards")

    @routes.get("/kitchen", KITCHEN)
    def kitchen() -> ResponseReturnValue:
        """The kitchen's board."""
        return _board_page("kitchen", backend)

    @routes.get("/delivery", COURIER)
    def delivery() -> ResponseReturnValue:
        """The orders that are on their way."""
        return _board_page("delivery", backend)

    return routes


def make_manager_routes(backend: Backend, telemetry: Telemetry) -> Routes:
    """Return the routes of the manager's pages and actions."""
    routes = Routes("manager", prefix="/manager")

    @routes.get("", MANAGER)
    def board() -> ResponseReturnValue:
        """The manager's board; `?done=` and `?order=` name the action that was just done, and its order."""
        text, order_id = _done_text(request.args.get("done", "")), request.args.get("order", "")
        known_id = order_id if ORDER_ID_PATTERN.fullmatch(order_id) else ""
        return _board_page("manager", backend, done={"order_id": known_id, "text": text} if text else None)

    @routes.get("/orders", MANAGER)
    def orders() -> ResponseReturnValue:
        """The orders that pass one filter, newest first, page by page."""
        return search_page("", request.args.get("filter", ""), request.args.get("after", ""))

    @routes.post("/orders", MANAGER)
    def search() -> ResponseReturnValue:
        """The orders of a name or an id. It is a POST, because a customer's name must not be in an address."""
        form = request.form
        return search_page(form.get("text", ""), form.get("filter", ""), form.get("after", ""))

    @routes.get("/orders/<order_id>", MANAGER)
    @redirect_order_id
    def order(order_id: str) -> ResponseReturnValue:
        """One order with its whole history, and every action that is possible now."""
        return order_page(order_id, done=_done_text(request.args.get("done", "")))

    @routes.post("/orders/<order_id>/<any(approve, remake, reject, pause, resume, cancel):action>", MANAGER)
    def act(order_id: str, action: str) -> ResponseReturnValue:
        """Do one action to one order."""
        form, from_order_page = request.form, request.form.get("back") == "order"
        try:
            run_action(action, order_id, form.get("attempt", ""), form.get("note", "").strip())
        except ShopError as error:
            text = _error_text(error)
            if from_order_page:
                return order_page(order_id, error=text), http_status_of(error)
            return _board_page("manager", backend, error={"order_id": order_id, "text": text}), http_status_of(error)
        if from_order_page:
            return redirect(f"/manager/orders/{order_id}?done={action}", 303)
        return redirect(f"/manager?done={action}&order={order_id}", 303)

    @routes.post("/bulk", MANAGER)
    def bulk() -> ResponseReturnValue:
        """Do one action to several orders, and show what became of each."""
        action, note = request.form.get("action", ""), request.form.get("note", "").strip()
        if action not in ACTIONS:
            raise InvalidRequest("This can be done to several orders: " + ", ".join(ACTIONS))
        chosen = list(dict.fromkeys(request.form.getlist("order")))[:MAX_ORDERS_AT_ONCE]
        # The commands share the time of one. So none begins when less than the time of an ordinary call is left.
        deadline = time.monotonic() + COMMAND_TIMEOUT_SECONDS
        outcomes = [try_action(action, each, note, deadline) for each in chosen]
        return render_template("bulk.html", action=action, outcomes=outcomes)

    @routes.post("/orders/<order_id>/reorder", MANAGER)
    def reorder(order_id: str) -> ResponseReturnValue:
        """Place an order with the content of one that has failed or was cancelled; its page gave the new id."""
        new_id = check_order_id(request.form.get("new_order_id", ""))
        try:
            backend.start_order({**backend.load_order(order_id).order, "order_id": new_id})
        except ShopError as error:
            return order_page(order_id, error=_error_text(error)), http_status_of(error)
        return redirect(f"/manager/orders/{new_id}?done=reorder", 303)

    def search_page(text: str, order_filter: str, after: str) -> str:
        query = text[:MAX_SEARCH_LENGTH].strip()
        result = backend.search_orders(text=query, filter=order_filter, after=after, limit=ORDERS_PER_PAGE)
        return render_template("orders.html", result=result, text=text, filter=order_filter, after=after)

    def order_page(order_id: str, **more: object) -> str:
        return render_template("order.html", **_order_context(backend.load_order(order_id), backend, telemetry), **more)

    def run_action(name: str, order_id: str, attempt: str, note: str, seconds: float = COMMAND_TIMEOUT_SECONDS) -> str:
        """Run an action and return the words for it. A decision is for the attempt that its page showed."""
        action, person = ACTIONS[name], g.get("person")
        author = person.name if person and person.name else "the manager"
        command = {"order_id": order_id, "by": author, **action.content}
        if name in DECISIONS:
            command["attempt"] = int(attempt) if attempt.isdecimal() and len(attempt) < 5 else None
        backend.send_command(action.path, command | ({"note": note} if note else {}), seconds)
        return action.done

    def try_action(name: str, chosen: str, note: str, deadline: float) -> Outcome:
        order_id, _, attempt = chosen.partition(":")
        seconds_left = deadline - time.monotonic()
        if seconds_left < INVOKE_SECONDS:
            return Outcome(order_id, False, "Not tried: the others took too long. Choose it again.", is_tried=False)
        try:
            check_order_id(order_id)
            return Outcome(order_id, True, run_action(name, order_id, attempt, note, seconds_left))
        except ShopError as error:
            return Outcome(order_id, False, _error_text(error))

    routes.blueprint.context_processor(lambda: {"filters": FILTERS})
    return routes


def render_board(name: str, board: Board) -> str:
    """Return the HTML of the part that changes on the board `name`: `kitchen`, `manager` or `delivery`."""
    return render_template(f"_{name}.html", **_board_context(name, board))


def render_order(record: OrderSnapshot, backend: Backend, telemetry: Telemetry) -> str:
    """Return the HTML of the part of the order's page that changes."""
    return render_template("_order.html", **_order_context(record, backend, telemetry))


def _board_page(name: str, backend: Backend, **more: object) -> str:
    return render_template(f"{name}.html", **_board_context(name, backend.load_board()), **more)


def _board_context(name: str, board: Board) -> dict[str, object]:
    return {"board": board, "max_orders": MAX_ORDERS_ON_BOARD[name], "bars": hour_bars(board.hours)}


def _order_context(record: OrderSnapshot, backend: Backend, telemetry: Telemetry) -> dict[str, object]:
    order_id, runtime_status, now = record.order["order_id"], "unknown", utc_timestamp()
    with suppress(ShopError):
        runtime_status = backend.load_runtime_status(order_id)
    found = telemetry.load(record)
    axis = make_axis(record, found, now)
    return {
        "record": record,
        "order_id": order_id,
        "can_decide": record.status == PENDING_VALIDATION and phase_of(record) == "deciding",
        "timeline": draw_timeline(record, axis),
        "waterfall": draw_waterfall(record, found, axis),
        "has_telemetry": telemetry.is_on,
        "runtime_status": runtime_status,
        "new_order_id": generate_order_id(),
        "history_json": json.dumps([entry.model_dump(exclude_none=True) for entry in record.history], indent=1),
        "now": now,
    }


def _done_text(name: str) -> str:
    """Return the words for an action that was done, empty for an unknown name."""
    if name == "reorder":
        return "This is the new order: the same again."
    return ACTIONS[name].done if name in ACTIONS else ""


def _error_text(error: ShopError) -> str:
    """Return the words for an action that was not done, or of which that is not known."""
    reason = str(error).rstrip(".")
    if isinstance(error, Refused):
        return f"{reason}. Nothing was changed."
    return f"{reason}. Look whether it was done, and try again: nothing is done twice."
