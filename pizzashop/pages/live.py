"""`/live/…`: what of a page changes, as it changes: as server-sent events, or by asking again and again.

The mark of what a page shows (an order's version, or a digest of the board) is the id of the event. So a page that
comes back, to whichever process, is told what it has missed, and nothing where it has missed nothing.
"""

import re
import select
import socket
import time
from collections.abc import Callable, Iterator

from flask import Response, copy_current_request_context, current_app, request
from flask.typing import ResponseReturnValue

from pizzashop.auth.guard import access_check
from pizzashop.auth.people import COURIER, CUSTOMER, KITCHEN, MANAGER
from pizzashop.domain.record import Record
from pizzashop.domain.requests import ORDER_ID_PATTERN
from pizzashop.errors import NotFound, Unavailable
from pizzashop.pages import boards, customer, manager
from pizzashop.pages.watching import BOARD, LiveStates
from pizzashop.presentation.boards import Board
from pizzashop.web.problems import problem_response
from pizzashop.web.routes import Routes

RETRY_MILLISECONDS = 1000
BEGIN = f"retry: {RETRY_MILLISECONDS}\n\n"
STILL_HERE = ": still here\n\n"

_LINE_END = re.compile(r"\r\n|\r|\n")


def event(name: str, data: str = "", mark: str = "") -> str:
    """One event; `mark` is what a browser says that it has seen last when it comes again."""
    lines = "".join(f"data: {line}\n" for line in _LINE_END.split(data))
    head = f"id: {mark}\n" if mark else ""
    return f"event: {name}\n{head}{lines}\n"


SEND_SECONDS = 10.0


class StreamSocket:
    """Sends for as long as somebody takes it within so many `seconds`; `sock` is None where none is known."""

    def __init__(self, sock: socket.socket | None, seconds: float = SEND_SECONDS) -> None:
        self._sock, self._seconds, self._began = sock, seconds, time.monotonic()
        if sock is not None:
            self._before = sock.gettimeout()
            sock.settimeout(seconds)

    def goes_on(self, seconds: float) -> bool:
        """Whether more can be sent, and the stream is not older than so many seconds."""
        if time.monotonic() - self._began > seconds:
            return False
        if self._sock is None or self._takes_more(self._sock):
            return True
        # What is left in the buffers never arrives: the end of the stream must not wait for it either.
        self._sock.shutdown(socket.SHUT_RDWR)
        return False

    def end(self) -> None:
        """The socket is as it was."""
        if self._sock is not None and self._sock.fileno() >= 0:
            self._sock.settimeout(self._before)

    def _takes_more(self, sock: socket.socket) -> bool:
        looked = select.poll()
        looked.register(sock, select.POLLOUT)
        found = looked.poll(self._seconds * 1000)
        return bool(found) and not found[0][1] & (select.POLLERR | select.POLLHUP | select.POLLNVAL)


routes = Routes("live", prefix="/live")

HEARTBEAT_SECONDS = 10.0
"""So often a stream says that it is still there, and looks whether its reader may still read it."""
STREAM_SECONDS = 1800.0
"""Then a page comes anew."""
FIRST_SECONDS = 5.0
"""How long a page that asks waits for the first answer."""
ASK_AGAIN_SECONDS, ASKED_A_SECOND = 4, 50
"""When a page that asks is to ask again: the later, the more of them there are."""

Render = Callable[[Record | Board], str]


def watch() -> LiveStates:
    """What the pages of this process watch."""
    found: LiveStates = current_app.extensions["watch"]
    return found


@routes.get("/orders/<order_id>", CUSTOMER, MANAGER)
def of_order(order_id: str) -> ResponseReturnValue:
    """An order's page for its customer."""
    return _live(order_id, customer.customer_region)


@routes.get("/manager/orders/<order_id>", MANAGER)
def of_order_for_staff(order_id: str) -> ResponseReturnValue:
    """The staff's page of an order."""
    return _live(order_id, manager.order_region)


@routes.get("/kitchen", KITCHEN)
def of_kitchen() -> ResponseReturnValue:
    """The kitchen's board."""
    return _live(BOARD, boards.board_region("kitchen"))


@routes.get("/manager", MANAGER)
def of_manager() -> ResponseReturnValue:
    """The manager's desk."""
    return _live(BOARD, boards.board_region("manager"))


@routes.get("/delivery", COURIER)
def of_delivery() -> ResponseReturnValue:
    """What is on its way."""
    return _live(BOARD, boards.board_region("delivery"))


def _live(what: str, render: Render) -> ResponseReturnValue:
    if what != BOARD and not ORDER_ID_PATTERN.fullmatch(what):
        raise NotFound("Order not found")
    accepted = request.accept_mimetypes
    if accepted["text/event-stream"] <= accepted["text/html"]:
        return _asked(what, render)
    if not watch().enter():
        response = problem_response(503, "Too many pages are kept up to date already: ask again and again")
        response.headers["Retry-After"] = str(_ask_again())
        return response
    known = request.headers.get("Last-Event-ID", request.args.get("since", ""))
    sending = StreamSocket(request.environ.get("gunicorn.socket"))
    rendering = copy_current_request_context(render)
    events = _events(watch(), what, known, rendering, sending, access_check())
    response = Response(events, content_type="text/event-stream")
    # Also where nobody ever reads the first event.
    response.call_on_close(watch().leave)
    response.call_on_close(sending.end)
    response.headers.update({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    return response


def _events(
    watch: LiveStates, what: str, known: str, render: Render, sending: StreamSocket, may: Callable[[], bool]
) -> Iterator[str]:
    yield BEGIN
    away = False
    while sending.goes_on(STREAM_SECONDS):
        try:
            shown = watch.next(what, known, HEARTBEAT_SECONDS, away=away)
        except NotFound:
            yield event("gone")
            return
        if watch.stopped:
            return
        if not may():
            yield event("gone")  # the page, loaded again, asks to sign in
            return
        if watch.away != away:
            away = not away
            yield event("away" if away else "back")
        elif shown.state is not None and shown.is_news(known):
            known = shown.mark
            yield event("shown", render(shown.state), known)
        else:
            yield STILL_HERE
        if shown.is_over:
            yield event("over")
            return


def _asked(what: str, render: Render) -> ResponseReturnValue:
    """What has changed since the mark in `If-None-Match`; 304 where noshown has."""
    shown = watch().next(what, "", FIRST_SECONDS)
    if shown.state is None or watch().away:
        raise Unavailable("The shop's orders cannot be reached just now")
    response = Response(status=304)
    if not request.if_none_match.contains(shown.mark):
        response = Response(render(shown.state), content_type="text/html; charset=utf-8")
    response.set_etag(shown.mark)
    response.headers["Retry-After"] = str(_ask_again())
    return response


def _ask_again() -> int:
    return max(ASK_AGAIN_SECONDS, watch().asking // ASKED_A_SECOND)
