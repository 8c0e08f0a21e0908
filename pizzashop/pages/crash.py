"""`/manager/crash`: kill a part of the shop, and follow the orders. Only if this machine alone reaches the shop."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256

from flask import Response, copy_current_request_context, redirect, render_template, request
from flask.typing import ResponseReturnValue

from pizzashop.auth.authentication import is_for_this_machine_alone
from pizzashop.auth.people import MANAGER
from pizzashop.crash.progress import MOVING_PHASES, crash_progress, orders_under_way
from pizzashop.crash.requests import MAX_ORDERS, NOT_SUPERVISED, CrashFiles
from pizzashop.domain.history import utc_timestamp
from pizzashop.domain.record import OrderSnapshot
from pizzashop.errors import Conflict, Refused, Unavailable
from pizzashop.pages.backend import Backend
from pizzashop.pages.live import (
    HEARTBEAT,
    MAX_STREAM_SECONDS,
    STREAM_HEAD,
    StreamSocket,
    format_event,
    open_stream,
    prefers_stream,
)
from pizzashop.pages.live_states import LiveStates
from pizzashop.roles import STOREFRONT
from pizzashop.settings import Settings
from pizzashop.web.problems import http_status_of
from pizzashop.web.routes import Routes

# The pause between two looks of a live page for changes.
_LOOK_SECONDS = 0.5
# Role `storefront` is killed this much later, so that it can still serve the page that follows its crash.
_OWN_DELAY_SECONDS = 2.0


def make_crash_routes(
    settings: Settings, backend: Backend, live_states: LiveStates, stopping: threading.Event
) -> Routes:
    """Return the routes of the crash page; the streams end once `stopping` is set."""
    routes = Routes("crash")
    files = CrashFiles(settings.state_dir.expanduser())

    @routes.get("/manager/crash", MANAGER)
    def show() -> ResponseReturnValue:
        """The form with the parts that can be killed, and the last crash."""
        return page(require_parts())

    @routes.post("/manager/crash", MANAGER)
    def kill() -> ResponseReturnValue:
        """Have `pizzashop up` kill a part of the shop."""
        parts = require_parts()
        moving_rows = [row for row in backend.load_board().orders if row.phase in MOVING_PHASES and not row.paused]
        ids = {row.order_id: 0 for row in moving_rows[:MAX_ORDERS]}
        moving = orders_under_way(backend.load_changes({"orders": ids}).orders if ids else ())
        part = request.form.get("part", "")
        try:
            files.kill(part, moving, _OWN_DELAY_SECONDS if part == STOREFRONT.name else 0)
        except (Refused, Unavailable) as error:
            return page(parts, error=str(error)), http_status_of(error)
        return redirect("/manager/crash", 303)

    @routes.get("/live/manager/crash", MANAGER)
    def follow() -> ResponseReturnValue:
        """Changes of the crash page."""
        require_parts()
        if prefers_stream():
            return open_stream(live_states, partial(stream_events, copy_current_request_context(render_progress)))
        html, _ = render_progress()
        return Response(html, content_type="text/html; charset=utf-8", headers={"ETag": f'"{_digest(html)}"'})

    def require_parts() -> list[str]:
        if not (parts := killable_parts()):
            raise Conflict(NOT_SUPERVISED)
        return parts

    def killable_parts() -> list[str]:
        """Return the parts that can be killed; none if other machines reach the shop, or if no `up` runs it."""
        return files.parts() if is_for_this_machine_alone(settings) else []

    def page(parts: list[str], **more: object) -> str:
        html, _ = render_progress()
        return render_template(
            "crash.html", parts=parts, progress_html=html, etag=_digest(html), now=utc_timestamp(), **more
        )

    def render_progress() -> tuple[str, bool]:
        """Return the HTML of the part that changes, and whether it will not change any more."""
        crash = files.last_crash()
        if crash is None or crash.refusal:
            return render_template("_crash.html", progress=None), True
        records: dict[str, OrderSnapshot | None] = {}
        if ids := dict.fromkeys(crash.request.orders, 0):
            try:
                found = backend.load_changes({"orders": ids}).orders
                records = dict.fromkeys(ids) | {each.order["order_id"]: each for each in found}
            except Unavailable:
                # This page may need the killed part to read orders. It shows them when the part is back.
                records = {}
        progress = crash_progress(crash, records)
        return render_template("_crash.html", progress=progress), progress.is_over

    def stream_events(
        render: Callable[[], tuple[str, bool]], connection: StreamSocket, may_read: Callable[[], bool]
    ) -> Iterator[str]:
        yield STREAM_HEAD
        shown = ""
        while connection.can_continue(MAX_STREAM_SECONDS) and not stopping.is_set():
            if not may_read():
                yield format_event("gone")
                return
            html, is_over = render()
            digest = _digest(html)
            yield HEARTBEAT if digest == shown else format_event("shown", html, digest)
            if is_over:
                yield format_event("over")
                return
            shown = digest
            stopping.wait(_LOOK_SECONDS)

    routes.blueprint.add_app_template_global(killable_parts)
    return routes


def _digest(html: str) -> str:
    return sha256(html.encode()).hexdigest()[:16]
