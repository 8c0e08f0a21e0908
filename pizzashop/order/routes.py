"""What the application of role `order` is made of."""

from contextlib import suppress
from typing import Any

from flask import Flask, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from pizzashop.auth.people import INTERNAL, MANAGER, PUBLIC
from pizzashop.domain.history import utc_timestamp
from pizzashop.domain.requests import NewOrder
from pizzashop.errors import NotFound
from pizzashop.order import boards, commands, events, housekeeping, search
from pizzashop.order.boards import BoardRows
from pizzashop.order.dead_letters import DeadLetters
from pizzashop.order.housekeeping import Housekeeping
from pizzashop.order.inbox import (
    DROP,
    MAX_EVENT_DEPTH,
    PASSED_OVER,
    SUCCESS,
    Entries,
    Inbox,
    entries_in,
    entries_in_start,
)
from pizzashop.order.repository import Repository, records
from pizzashop.order.schemas import Delivery, Done, OrderPage, OrderView, Taking
from pizzashop.order.search import Listing, ListQuery
from pizzashop.settings import Settings
from pizzashop.web.dependencies import Dependencies
from pizzashop.web.json_body import MAX_JSON_BYTES, MAX_JSON_DEPTH, check_json_limits, read_body_start, read_json
from pizzashop.web.routes import Routes

routes = Routes("order")

MAX_BYTES_IN_BULK = 64 * 1024 * 1024
"""More than a hundred events, each with an order at the limit of a body: in base64, and a `<` written as six bytes."""


@routes.post("/order", PUBLIC, response=Done, body=NewOrder, errors=(409,))
def create() -> ResponseReturnValue:
    """Create a record if there is none; it starts no workflow."""
    content = read_json()
    NewOrder.parse(content)
    records().accept(content, with_workflow=False)
    return jsonify(success=True)


@routes.get("/order/<order_id>", MANAGER, INTERNAL, response=OrderView, errors=(404,))
def show(order_id: str) -> ResponseReturnValue:
    """One order, with all that is known of it."""
    return jsonify(records().get(order_id).view())


@routes.delete("/order/<order_id>", MANAGER, response=Done, errors=(409,))
def delete(order_id: str) -> ResponseReturnValue:
    """Delete one order, unless its workflow is live; there being none is as good."""
    with suppress(NotFound):
        records().change(order_id, lambda record: record.delete(utc_timestamp()))
        records().close([order_id])
    return jsonify(success=True)


@routes.get("/orders", MANAGER, INTERNAL, response=OrderPage, query=ListQuery)
def index() -> ResponseReturnValue:
    """Orders, newest first, a page at a time."""
    listing: Listing = current_app.extensions["listing"]
    found, following = listing.page(request.args.to_dict())
    return jsonify(orders=[record.view() for record in found], next=following)


@routes.post("/orders-sub", INTERNAL, response=Taking, body=Delivery)
def take_events() -> ResponseReturnValue:
    """Take in one CloudEvent, or several in Dapr's bulk envelope."""
    inbox: Inbox = current_app.extensions["inbox"]
    raw, is_whole = read_body_start(MAX_BYTES_IN_BULK)
    content, entries = entries_in(raw) if is_whole else (None, entries_in_start(raw))
    if entries is not None:
        return jsonify(statuses=_in_bulk(inbox, entries))
    if len(raw) > MAX_JSON_BYTES:
        raise RequestEntityTooLarge
    is_event = isinstance(content, dict) and "data" in content
    check_json_limits(content, MAX_EVENT_DEPTH if is_event else MAX_JSON_DEPTH)
    (answer,) = inbox.take([content])
    return jsonify(success=answer == SUCCESS, status=DROP if answer == PASSED_OVER else answer)


def _in_bulk(inbox: Inbox, entries: Entries) -> list[dict[str, Any]]:
    answers = inbox.take([event for _, event in entries])
    # The sidecar logs a line for each DROP: a flood of foreign events would fill its log.
    said = [SUCCESS if answer == PASSED_OVER else answer for answer in answers]
    return [{"entryId": entry_id, "status": answer} for (entry_id, _), answer in zip(entries, said, strict=True)]


def wire(app: Flask, settings: Settings, dependencies: Dependencies) -> None:
    """Give the application its routes, and what they work with."""
    app.register_blueprint(routes.blueprint)
    for each in (commands, housekeeping, events, boards, search):
        app.register_blueprint(each.routes.blueprint)
    app.register_blueprint(commands.unsettled_routes.blueprint)
    records = Repository(dependencies.sidecar)
    dead_letters = DeadLetters(dependencies.sidecar, records)
    app.extensions["records"] = records
    app.extensions["listing"] = Listing(records)
    app.extensions["rows"] = BoardRows(records, settings.pace)
    app.extensions["inbox"] = Inbox(records, dead_letters)
    app.extensions["dead_letters"] = dead_letters
    app.extensions["clock"] = dependencies.clock
    app.extensions["housekeeping"] = Housekeeping(records, settings.retention, dependencies.clock)
