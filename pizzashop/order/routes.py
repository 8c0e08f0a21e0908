"""The routes that clients and Dapr call at role `order`, and the wiring of the role.

The other modules of this package declare the routes of their subject: `commands` has those for the other roles.
"""

from contextlib import suppress

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from pizzashop.auth.people import INTERNAL, MANAGER, PUBLIC
from pizzashop.dapr.sidecar import Sidecar
from pizzashop.domain.history import Clock, utc_timestamp
from pizzashop.domain.requests import NewOrder, Request
from pizzashop.errors import NotFound, Unavailable
from pizzashop.metrics import OrderMetrics, RoleMetrics, StoreCollector
from pizzashop.order.boards import OrderRows, make_board_routes
from pizzashop.order.claims import make_claim_routes
from pizzashop.order.commands import make_command_routes
from pizzashop.order.counting import count_stored
from pizzashop.order.dead_letters import (
    DeadLetter,
    DeadLetterDetails,
    DeadLetterPage,
    DeadLetterQuery,
    DeadLetters,
    ReplayPage,
    ReplayResult,
)
from pizzashop.order.housekeeping import Housekeeping, make_housekeeping_routes
from pizzashop.order.inbox import (
    DROP,
    IGNORED,
    MAX_EVENT_DEPTH,
    RETRY,
    SUCCESS,
    Inbox,
    parse_delivery,
    parse_truncated_bulk,
)
from pizzashop.order.repository import Repository
from pizzashop.order.schemas import Delivery, DeliveryResult, Done, OrderView
from pizzashop.order.search import make_search_routes
from pizzashop.order.unsettled import make_unsettled_routes
from pizzashop.settings import Settings
from pizzashop.web.json_body import MAX_JSON_BYTES, MAX_JSON_DEPTH, check_json_limits, read_body_start, read_json
from pizzashop.web.routes import Routes

# More than a hundred events, each with an order of the maximum size: in base64, and each `<` written as six bytes.
MAX_BULK_BYTES = 64 * 1024 * 1024


def make_routes(settings: Settings, sidecar: Sidecar, clock: Clock, role_metrics: RoleMetrics) -> list[Routes]:
    """Make the parts of the role; return all its routes."""
    metrics = OrderMetrics(role_metrics.registry)
    repository = Repository(sidecar, metrics)
    dead_letters = DeadLetters(sidecar, repository)
    inbox = Inbox(repository, dead_letters, metrics)
    StoreCollector(lambda: count_stored(repository, dead_letters, clock), role_metrics.registry)
    rows = OrderRows(repository, settings.pace)
    return [
        make_order_routes(repository),
        make_event_routes(inbox, dead_letters),
        make_command_routes(repository, clock),
        make_claim_routes(repository, clock, metrics),
        make_unsettled_routes(repository, clock),
        make_search_routes(repository, rows, clock),
        make_board_routes(rows, repository, clock),
        make_housekeeping_routes(Housekeeping(repository, settings.retention, clock)),
    ]


def make_order_routes(repository: Repository) -> Routes:
    """Return the routes of single orders."""
    routes = Routes("order")

    @routes.post("/order", PUBLIC, response=Done, body=NewOrder, errors=(409,))
    def create() -> ResponseReturnValue:
        """Create a record if there is none. It starts no workflow."""
        content = read_json()
        NewOrder.parse(content)
        repository.accept(content, with_workflow=False)
        return jsonify(success=True)

    @routes.get("/order/<order_id>", MANAGER, INTERNAL, response=OrderView, errors=(404,))
    def show(order_id: str) -> ResponseReturnValue:
        """Return an order and everything that happened to it."""
        return jsonify(repository.get(order_id).view())

    @routes.delete("/order/<order_id>", MANAGER, response=Done, errors=(409,))
    def delete(order_id: str) -> ResponseReturnValue:
        """Delete an order whose workflow is not live. Idempotent: succeeds when there is none."""
        with suppress(NotFound):
            repository.change(order_id, lambda record: record.delete(utc_timestamp()))
            repository.remove_from_open([order_id])
        return jsonify(success=True)

    return routes


class ReplayRequest(Request):
    """An empty object. Requiring JSON keeps the pages of other sites from sending it."""


def make_event_routes(inbox: Inbox, dead_letters: DeadLetters) -> Routes:
    """Return the route that takes in events, and the routes of the dead letters."""
    routes = Routes("events")

    @routes.post("/orders-sub", INTERNAL, response=DeliveryResult, body=Delivery)
    def receive_events() -> ResponseReturnValue:
        """Apply one CloudEvent, or several in Dapr's bulk envelope."""
        raw, is_whole = read_body_start(MAX_BULK_BYTES)
        content, entries = parse_delivery(raw) if is_whole else (None, parse_truncated_bulk(raw))
        if entries is not None:
            # The sidecar logs a line for each DROP, so a flood of foreign events would fill its log.
            statuses = [SUCCESS if each == IGNORED else each for each in inbox.apply([event for _, event in entries])]
            pairs = zip(entries, statuses, strict=True)
            return jsonify(statuses=[{"entryId": entry_id, "status": status} for (entry_id, _), status in pairs])
        if len(raw) > MAX_JSON_BYTES:
            raise RequestEntityTooLarge
        is_event = isinstance(content, dict) and "data" in content
        check_json_limits(content, MAX_EVENT_DEPTH if is_event else MAX_JSON_DEPTH)
        (status,) = inbox.apply([content])
        return jsonify(success=status == SUCCESS, status=DROP if status == IGNORED else status)

    @routes.get("/events", MANAGER, response=DeadLetterPage, query=DeadLetterQuery, internal=True)
    def list_dead_letters() -> ResponseReturnValue:
        """Return the dead letters, newest first, a page at a time."""
        letters, next_id = dead_letters.page(DeadLetterQuery.parse(request.args.to_dict()))
        page = DeadLetterPage(events=[each.summary() for each in letters], next=next_id)
        return jsonify(page.model_dump())

    @routes.get("/events/<event_id>", MANAGER, response=DeadLetterDetails, errors=(404,), internal=True)
    def show(event_id: str) -> ResponseReturnValue:
        """Return a dead letter with its event, as it came."""
        return jsonify(dead_letters.get(event_id).details().model_dump())

    @routes.post(
        "/events/<event_id>/replay", MANAGER, response=ReplayResult, body=ReplayRequest, errors=(404,), internal=True
    )
    def replay(event_id: str) -> ResponseReturnValue:
        """Apply a dead letter again. It is removed, or stays with the present reason."""
        ReplayRequest.parse(read_json())
        return jsonify(_replay(dead_letters.get(event_id)).model_dump())

    @routes.post("/events/replay", MANAGER, response=ReplayPage, body=DeadLetterQuery, internal=True)
    def replay_page() -> ResponseReturnValue:
        """Apply a page of the dead letters again, newest first."""
        letters, next_id = dead_letters.page(DeadLetterQuery.parse(read_json()))
        page = ReplayPage(events=[_replay(each) for each in letters], next=next_id)
        return jsonify(page.model_dump())

    @routes.delete("/events/<event_id>", MANAGER, response=Done, internal=True)
    def drop(event_id: str) -> ResponseReturnValue:
        """Remove a dead letter for good. Idempotent: succeeds when there is none."""
        dead_letters.drop(event_id)
        return jsonify(success=True)

    def _replay(letter: DeadLetter) -> ReplayResult:
        (status,) = inbox.apply([letter.event])
        if status == RETRY:
            raise Unavailable("The event could not be applied now: it stays a dead letter")
        if status != SUCCESS:
            return ReplayResult(**dict(dead_letters.get(letter.id).summary()), replayed=False)
        dead_letters.drop(letter.id)
        return ReplayResult(**dict(letter.summary()) | {"reason": None}, replayed=True)

    return routes
