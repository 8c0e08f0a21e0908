"""Traces with OpenTelemetry: spans, and the trace context that travels with requests, claims, events and records.

Tracing is on if the variables of OpenTelemetry name an endpoint or an exporter. Otherwise each function here returns at
once, and does not import OpenTelemetry.

A trace context is a text, a W3C `traceparent`: so it fits into a header, a claim, an event and a record.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import copy_context
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, NamedTuple, ParamSpec, TypeVar
from urllib.parse import urlsplit

from pizzashop.errors import InvalidSettings

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.propagators.textmap import TextMapPropagator
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Link, Span, Tracer

ORDER_ID = "pizzashop.order_id"
# How long a process that stops waits for its last spans to be sent.
STOP_SECONDS = 1.0
# The protocol that roles and sidecars both speak.
PROTOCOL = "http/protobuf"

_ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOL_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_EXPORTERS = ("otlp", "console", "none")

Value = str | int | float | bool
Kind = Literal["internal", "server", "client", "consumer"]
P = ParamSpec("P")
T = TypeVar("T")

_provider: "TracerProvider | None" = None
_tracer: "Tracer | None" = None


class Member(NamedTuple):
    """One of the claims or events that one request carries: its trace context, its order, and more attributes."""

    traceparent: str | None
    order_id: str
    attributes: Mapping[str, Value] = {}


def is_requested(env: Mapping[str, str] = os.environ) -> bool:
    """Return whether the environment asks for traces."""
    if env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or env.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    return bool(env.get("OTEL_TRACES_EXPORTER") or endpoint(env))


def endpoint(env: Mapping[str, str] = os.environ) -> str:
    """Return the URL that traces are sent to, "" if no variable has one."""
    return next((env[name] for name in _ENDPOINT_VARIABLES if env.get(name)), "")


def check_settings(env: Mapping[str, str] = os.environ) -> None:
    """Raise InvalidSettings if the environment asks for traces that this process could not send."""
    if not is_requested(env):
        return
    exporter = env.get("OTEL_TRACES_EXPORTER") or "otlp"
    if exporter not in _EXPORTERS:
        raise InvalidSettings(f"OTEL_TRACES_EXPORTER is {exporter!r}: the shop knows {', '.join(_EXPORTERS)}.")
    for name in _PROTOCOL_VARIABLES:
        if env.get(name) not in (None, "", PROTOCOL):
            raise InvalidSettings(f"{name} is {env[name]!r}: the shop sends traces by {PROTOCOL} only.")
    for name in _ENDPOINT_VARIABLES:
        if env.get(name) and not _is_url(env[name]):
            raise InvalidSettings(f"{name} is {env[name]!r}: it needs a URL such as http://127.0.0.1:4318.")
    if not _is_installed():
        raise InvalidSettings(
            "The OTEL_ variables ask for traces, which need more packages: install pizzashop[telemetry]."
        )


def start(service_name: str) -> None:
    """Begin to trace in this process, if the environment asks for it. Call it after the last fork: it starts a thread.

    `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` replace `service_name`.
    """
    if not is_requested():
        return
    check_settings()
    from opentelemetry import trace
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

    exporter: SpanExporter
    if os.environ.get("OTEL_TRACES_EXPORTER") == "console":
        exporter = ConsoleSpanExporter()
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter()
    defaults = {"service.name": service_name, "service.namespace": "pizzashop"}
    resource = Resource.create(defaults).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    # The workflow SDK makes its own spans, one for each activity.
    trace.set_tracer_provider(provider)
    use(provider)


def use(provider: "TracerProvider | None") -> None:
    """Make spans with `provider` from now on, or none if it is None."""
    global _provider, _tracer
    _provider, _tracer = provider, provider.get_tracer("pizzashop") if provider else None


def stop() -> None:
    """Send the last spans, for at most STOP_SECONDS, and make no more."""
    provider = _provider
    use(None)
    if provider is not None:
        # While the collector is away, the exporter would try again for longer.
        thread = threading.Thread(target=provider.shutdown, name="last spans", daemon=True)
        thread.start()
        thread.join(STOP_SECONDS)


@contextmanager
def command_span(name: str, order_id: str) -> Iterator[None]:
    """Trace the block as one command of the command line."""
    start("pizzashop")
    try:
        with span(name, kind="client", attributes={ORDER_ID: order_id}):
            yield
    finally:
        stop()


def is_on() -> bool:
    """Return whether this process traces."""
    return _tracer is not None


def current_traceparent() -> str | None:
    """Return the trace context of the current span, None if there is none."""
    return trace_headers().get("traceparent")


def trace_headers() -> dict[str, str]:
    """Return the headers that carry the context of the current span to another process."""
    headers: dict[str, str] = {}
    if _tracer is not None:
        _propagator().inject(headers)
    return headers


def span(
    name: str,
    *,
    kind: Kind = "internal",
    parent: str | Mapping[str, str] | None = None,
    links: Iterable[str | None] = (),
    attributes: Mapping[str, Value] = {},
) -> AbstractContextManager[None]:
    """Make a span of the block; within the block it is the current span.

    `parent` is a trace context or the headers of a request. Without it, the parent is the current span.
    """
    if _tracer is None:
        return nullcontext()
    return _as_current(_start_span(_tracer, name, kind, _context_of(parent), links, attributes))


def order_span(
    name: str, order_id: str, *, parent: str | None = None, links: Iterable[str | None] = (), **attributes: Value
) -> AbstractContextManager[None]:
    """Make a span of the block as `span` does, for work on one order; an attribute `run` becomes `pizzashop.run`."""
    if _tracer is None:
        return nullcontext()
    return span(name, parent=parent, links=links, attributes={ORDER_ID: order_id, **_named(attributes)})


def batch_span(name: str, callers: Iterable[str | None]) -> AbstractContextManager[None]:
    """Make a span of the block, which works for several callers at once. The span begins a trace, linked to theirs.

    Work for a single caller belongs to the trace of this caller, and gets no span.
    """
    if _tracer is None:
        return nullcontext()
    contexts = list(callers)
    links = [each for each in contexts if each and _is_sampled(each)]
    if len(contexts) < 2 or not links:
        return nullcontext()
    from opentelemetry.context import Context

    attributes = {"pizzashop.batch_size": len(contexts)}
    return _as_current(_start_span(_tracer, name, "internal", Context(), links, attributes))


@contextmanager
def member_spans(name: str, members: Iterable[Member], kind: Kind = "internal") -> Iterator[None]:
    """Make a span of the block in the trace of each member, linked to the span of the request that carries all."""
    if _tracer is None:
        yield
        return
    request_context = current_traceparent()
    with ExitStack() as stack:
        for member in members:
            if member.traceparent:
                attributes = {ORDER_ID: member.order_id, **member.attributes}
                started = _start_span(
                    _tracer, name, kind, _context_of(member.traceparent), [request_context], attributes
                )
                stack.callback(started.end)
        yield


@contextmanager
def muted() -> Iterator[None]:
    """Make no spans within the block, here and in the processes that it calls."""
    if _tracer is None:
        yield
        return
    from opentelemetry.trace import NonRecordingSpan, SpanContext, use_span

    # A context without the flag `sampled`: a process that receives it makes no spans either.
    current = _current_span().get_span_context()
    with use_span(NonRecordingSpan(SpanContext(current.trace_id, current.span_id, is_remote=False))):
        yield


def describe(attributes: Mapping[str, Value], *, name: str = "") -> None:
    """Add attributes to the current span, and with `name` replace its name."""
    if _tracer is not None:
        current = _current_span()
        current.set_attributes(dict(attributes))
        if name:
            current.update_name(name)


def describe_order(order_id: str, **attributes: Value) -> None:
    """Add the order to the attributes of the current span, and others as `order_span` names them."""
    describe({ORDER_ID: order_id, **_named(attributes)})


def describe_status(status: int) -> None:
    """Add the HTTP status of the answer to the current span, which is that of a request."""
    if _tracer is None:
        return
    describe({"http.response.status_code": status})
    if status >= 500:
        from opentelemetry.trace import StatusCode

        describe({"error.type": str(status)})
        _current_span().set_status(StatusCode.ERROR)


def link(traceparent: str | None) -> None:
    """Link the current span to another one."""
    if _tracer is not None:
        for each in _links([traceparent]):
            _current_span().add_link(each.context)


def bind(function: Callable[P, T]) -> Callable[P, T]:
    """Return `function` bound to the current span: it runs within that span, whichever thread calls it."""
    if _tracer is None:
        return function
    context = copy_context()

    def bound(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.run(function, *args, **kwargs)

    return bound


def log_fields() -> dict[str, str]:
    """Return the ids of the current span as fields of a log line, none if there is no span."""
    if _tracer is None:
        return {}
    context = _current_span().get_span_context()
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"} if context.is_valid else {}


def sidecar_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a sidecar with the environment `env` lacks to send traces as the roles do.

    By default a sidecar sends them by gRPC with TLS, and samples none. `SIDECAR_TRACE_SAMPLING` has the digits after
    the 0 of its sampling rate, see `resources/config/local.yaml`. With any rate above 0, it samples the requests of
    traces that are sampled.
    """
    if not is_requested(env) or not endpoint(env):
        return {}
    needed = {"OTEL_EXPORTER_OTLP_PROTOCOL": PROTOCOL, "SIDECAR_TRACE_SAMPLING": ".0001"}
    if urlsplit(endpoint(env)).scheme == "http":
        needed["OTEL_EXPORTER_OTLP_INSECURE"] = "true"
    return {name: value for name, value in needed.items() if not env.get(name)}


@contextmanager
def _as_current(started: "Span") -> Iterator[None]:
    """Make a started span the current one of the block, and end it with the block."""
    from opentelemetry.trace import use_span

    with use_span(started, end_on_exit=True):
        yield


def _start_span(
    tracer: "Tracer",
    name: str,
    kind: Kind,
    context: "Context | None",
    links: Iterable[str | None],
    attributes: Mapping[str, Value],
) -> "Span":
    from opentelemetry.trace import SpanKind

    return tracer.start_span(name, context, SpanKind[kind.upper()], dict(attributes), _links(links))


def _named(attributes: Mapping[str, Value]) -> dict[str, Value]:
    return {f"pizzashop.{name}": value for name, value in attributes.items()}


def _context_of(parent: str | Mapping[str, str] | None) -> "Context | None":
    """Return the context of a parent. Of an invalid one it is empty, so that the span begins a trace."""
    if parent is None:
        return None
    from opentelemetry.context import Context

    headers = {"traceparent": parent} if isinstance(parent, str) else parent
    return _propagator().extract(headers, Context())


def _links(traceparents: Iterable[str | None]) -> "list[Link]":
    from opentelemetry.trace import Link, get_current_span

    contexts = (get_current_span(_context_of(each)).get_span_context() for each in traceparents if each)
    return [Link(context) for context in contexts if context.is_valid]


def _is_sampled(traceparent: str) -> bool:
    from opentelemetry.trace import get_current_span

    return get_current_span(_context_of(traceparent)).get_span_context().trace_flags.sampled


def _current_span() -> "Span":
    from opentelemetry.trace import get_current_span

    return get_current_span()


def _propagator() -> "TextMapPropagator":
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator()


def _is_installed() -> bool:
    try:
        return (
            find_spec("opentelemetry.sdk") is not None
            and find_spec("opentelemetry.exporter.otlp.proto.http") is not None
        )
    except ModuleNotFoundError:
        # A package above it is missing.
        return False


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
