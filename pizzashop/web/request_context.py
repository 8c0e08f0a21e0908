"""Note for traces and log lines which order a request is about, and make a span for each request."""

from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, g, has_request_context, request

from pizzashop import tracing

# Such requests come all the time, and are not about an order.
_UNTRACED_PATHS = frozenset({"/healthz", "/metrics"})


def register_request_context(app: Flask) -> None:
    """Note the order that a request's path names. If this process traces, make a span for each request.

    Call it before other handlers are registered: they may answer the request.
    """
    app.before_request(_describe_request)
    if tracing.is_on():
        app.wsgi_app = _ServerSpans(app.wsgi_app)  # type: ignore[method-assign]


def note_order(content: Any) -> None:
    """Note the order that `content` names, if it names one: the body, or the arguments in the path."""
    order_id = content.get("order_id") if isinstance(content, dict) else None
    if isinstance(order_id, str):
        g.order_id = order_id
        tracing.describe_order(order_id)


def log_context() -> dict[str, str]:
    """Return the `extra` of a log line about the present request: its order, or nothing."""
    order_id = g.get("order_id") if has_request_context() else None
    return {"order": order_id} if order_id else {}


def _describe_request() -> None:
    if request.url_rule is not None:
        tracing.describe({"http.route": request.url_rule.rule}, name=f"{request.method} {request.url_rule.rule}")
    note_order(request.view_args)


class _ServerSpans:
    """A WSGI application that makes a span of each request, by OpenTelemetry's conventions for HTTP servers.

    The span of a stream ends when the stream begins.
    """

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] in _UNTRACED_PATHS:
            return self._application(environ, start_response)

        def respond(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            tracing.describe_status(int(status.split(" ", 1)[0]))
            return start_response(status, headers, *error)

        method = environ["REQUEST_METHOD"]
        attributes = {
            "http.request.method": method,
            "url.scheme": environ["wsgi.url_scheme"],
            "url.path": environ["PATH_INFO"],
            "server.port": int(environ["SERVER_PORT"]),
        }
        with tracing.span(method, kind="server", parent=_trace_headers(environ), attributes=attributes):
            return self._application(environ, respond)


def _trace_headers(environ: WSGIEnvironment) -> dict[str, str]:
    sent = {name: environ.get(f"HTTP_{name.upper()}", "") for name in ("traceparent", "tracestate")}
    return {name: value for name, value in sent.items() if value}
