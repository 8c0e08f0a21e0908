"""`/live/...`: the part of a page that changes, as server-sent events, or as answers to repeated requests.

An event has the ETag of its content as id: an order's version, or a digest of the board. So a page that connects again,
to any process, gets only what it has missed.
"""

import re
import select
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from flask import Response, copy_current_request_context, request
from flask.typing import ResponseReturnValue

from pizzashop import tracing
from pizzashop.auth.guard import access_check
from pizzashop.auth.people import COURIER, CUSTOMER, KITCHEN, MANAGER
from pizzashop.domain.record import OrderSnapshot
from pizzashop.domain.requests import ORDER_ID_PATTERN
from pizzashop.errors import NotFound, Unavailable
from pizzashop.pages import customer, staff
from pizzashop.pages.backend import Backend
from pizzashop.pages.live_states import BOARD, LiveStates
from pizzashop.pages.telemetry import Telemetry
from pizzashop.web.problems import problem_response
from pizzashop.web.routes import Routes

# How often a stream without changes shows that it is open, and checks that its reader may still read it.
STREAM_HEARTBEAT_SECONDS = 10.0
# A stream ends after this time, and its page connects again.
MAX_STREAM_SECONDS = 1800.0
# How long a browser may take to accept more of a stream.
STREAM_SEND_SECONDS = 10.0
# How long a page without a stream waits for its first answer.
FIRST_ANSWER_SECONDS = 5.0
# A page without a stream asks again after at least so many seconds, later where many orders are watched.
MIN_RETRY_SECONDS = 4
WATCHED_PER_RETRY_SECOND = 50

STREAM_HEAD = "retry: 1000\n\n"
HEARTBEAT = ": still here\n\n"

# Returns the HTML of the changing part of a page, from an order's record or from the board.
Render = Callable[[Any], str]
# Yields the events of a stream, for its socket and a function that tells whether its reader may still read it.
StreamEvents = Callable[["StreamSocket", Callable[[], bool]], Iterator[str]]

_LINE_END = re.compile(r"\r\n|\r|\n")


def make_live_routes(live_states: LiveStates, backend: Backend, telemetry: Telemetry, pace: float) -> Routes:
    """Return the routes of the parts that change; `pace` is the shop's."""
    routes = Routes("live", prefix="/live")

    @routes.get("/orders/<order_id>", CUSTOMER, MANAGER)
    def customer_order(order_id: str) -> ResponseReturnValue:
        """The customer's page of an order."""
        return follow(_check_order_id(order_id), partial(customer.render_order, pace=pace))

    @routes.get("/manager/orders/<order_id>", MANAGER)
    def manager_order(order_id: str) -> ResponseReturnValue:
        """The manager's page of an order."""
        return follow(_check_order_id(order_id), partial(staff.render_order, backend=backend, telemetry=telemetry))

    @routes.get("/kitchen", KITCHEN)
    def kitchen() -> ResponseReturnValue:
        """The kitchen's board."""
        return follow(BOARD, partial(staff.render_board, "kitchen"))

    @routes.get("/manager", MANAGER)
    def manager_board() -> ResponseReturnValue:
        """The manager's board."""
        return follow(BOARD, partial(staff.render_board, "manager"))

    @routes.get("/delivery", COURIER)
    def delivery() -> ResponseReturnValue:
        """The courier's board."""
        return follow(BOARD, partial(staff.render_board, "delivery"))

    def follow(key: str, render: Render) -> ResponseReturnValue:
        return stream(key, render) if prefers_stream() else poll(key, render)

    def stream(key: str, render: Render) -> Response:
        etag = request.headers.get("Last-Event-ID", request.args.get("since", ""))
        render = copy_current_request_context(trace_rendering(render))
        return open_stream(live_states, partial(stream_events, live_states, key, etag, render))

    def poll(key: str, render: Render) -> Response:
        """Return the part if it is not the one of `If-None-Match`, else 304."""
        page = live_states.wait_for_change(key, "", FIRST_ANSWER_SECONDS)
        if page.state is None or live_states.is_unreachable:
            raise Unavailable("The shop's orders cannot be reached just now")
        response = Response(status=304)
        if not request.if_none_match.contains(page.etag):
            response = Response(render(page.state), content_type="text/html; charset=utf-8")
        response.set_etag(page.etag)
        response.headers["Retry-After"] = str(_retry_seconds(live_states))
        return response

    return routes


def _check_order_id(order_id: str) -> str:
    if not ORDER_ID_PATTERN.fullmatch(order_id):
        raise NotFound("Order not found")
    return order_id


def prefers_stream() -> bool:
    """Return whether the sender of this request wants a stream, and not one answer."""
    accepted = request.accept_mimetypes
    return accepted["text/event-stream"] > accepted["text/html"]


def open_stream(live_states: LiveStates, stream_events: StreamEvents) -> Response:
    """Return the stream of these events, or 503 if there are too many streams already."""
    if not live_states.reserve_stream():
        response = problem_response(503, "Too many pages are kept up to date already: ask again in a moment")
        response.headers["Retry-After"] = str(_retry_seconds(live_states))
        return response
    connection = StreamSocket(request.environ.get("gunicorn.socket"))
    response = Response(stream_events(connection, access_check()), content_type="text/event-stream")
    # Called even when the browser leaves before the first event.
    response.call_on_close(live_states.release_stream)
    response.call_on_close(connection.restore_timeout)
    response.headers.update({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    return response


def _retry_seconds(live_states: LiveStates) -> int:
    return max(MIN_RETRY_SECONDS, live_states.watched_count // WATCHED_PER_RETRY_SECOND)


def trace_rendering(render: Render) -> Render:
    """Return `render` with a span in the trace of the order that it shows, linked to the span of this request."""
    page_request = tracing.current_traceparent()

    def traced(state: Any) -> str:
        if not isinstance(state, OrderSnapshot) or state.traceparent is None:
            return render(state)
        order_id, links = state.order["order_id"], [page_request]
        with tracing.order_span("show order", order_id, parent=state.traceparent, links=links, status=state.status):
            return render(state)

    return traced


class StreamSocket:
    """The socket of a stream, with a timeout of `seconds` for each send; None where the server gives no socket."""

    def __init__(self, sock: socket.socket | None, seconds: float = STREAM_SEND_SECONDS) -> None:
        self._sock, self._seconds, self._began = sock, seconds, time.monotonic()
        if sock is not None:
            self._timeout_before = sock.gettimeout()
            sock.settimeout(seconds)

    def can_continue(self, max_seconds: float) -> bool:
        """Return whether the browser accepts more, and the stream is at most `max_seconds` old."""
        if time.monotonic() - self._began > max_seconds:
            return False
        if self._sock is None or self._is_writable(self._sock):
            return True
        # The browser never gets what is left in the buffers: closing the stream must not wait for it either.
        self._sock.shutdown(socket.SHUT_RDWR)
        return False

    def restore_timeout(self) -> None:
        """Give the socket the timeout that it had."""
        if self._sock is not None and self._sock.fileno() >= 0:
            self._sock.settimeout(self._timeout_before)

    def _is_writable(self, sock: socket.socket) -> bool:
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        events = poll.poll(self._seconds * 1000)
        return bool(events) and not events[0][1] & (select.POLLERR | select.POLLHUP | select.POLLNVAL)


def stream_events(
    live_states: LiveStates,
    key: str,
    etag: str,
    render: Render,
    connection: StreamSocket,
    may_read: Callable[[], bool],
) -> Iterator[str]:
    """Yield the events of a stream, which `live.js` handles: `shown`, `gone`, `away`, `back` and `over`."""
    yield STREAM_HEAD
    is_unreachable = False
    while connection.can_continue(MAX_STREAM_SECONDS):
        try:
            page = live_states.wait_for_change(key, etag, STREAM_HEARTBEAT_SECONDS, is_unreachable=is_unreachable)
        except NotFound:
            yield format_event("gone")
            return
        if live_states.is_stopping:
            return
        if not may_read():
            # The browser loads the page again, and that asks its reader to sign in.
            yield format_event("gone")
            return
        if live_states.is_unreachable != is_unreachable:
            is_unreachable = not is_unreachable
            yield format_event("away" if is_unreachable else "back")
        elif page.state is not None and page.is_newer_than(etag):
            etag = page.etag
            yield format_event("shown", render(page.state), etag)
        else:
            yield HEARTBEAT
        if page.is_final:
            yield format_event("over")
            return


def format_event(name: str, data: str = "", event_id: str = "") -> str:
    """Return one server-sent event. A browser that connects again sends the last `event_id` that it received."""
    lines = "".join(f"data: {line}\n" for line in _LINE_END.split(data))
    head = f"id: {event_id}\n" if event_id else ""
    return f"event: {name}\n{head}{lines}\n"
