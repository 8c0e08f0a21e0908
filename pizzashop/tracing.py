"""Traces with OpenTelemetry: spans, and the trace context that travels with requests, claims, events and records.

Tracing is on if the variables of OpenTelemetry name an endpoint or an exporter. Otherwise each function here returns at
once, and no process imports OpenTelemetry.

A trace context is a W3C `traceparent`, a text: so it fits into a header, a claim, an event and a record.
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
    """One of several callers whose work is done together: its trace context, its order, and more attributes."""

    traceparent: str | None
    order_id: str
    attributes: Mapping[str, Value] = {}


def is_requested(env: Mapping[str, str] = os.environ) -> bool:
    """Return whether the variables ask for traces."""
    if env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or env.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    return bool(env.get("OTEL_TRACES_EXPORTER") or endpoint(env))


def endpoint(env: Mapping[str, str] = os.environ) -> str:
    """Return where traces are sent to, "" if no variable says it."""
    return next((env[name] for name in _ENDPOINT_VARIABLES if env.get(name)), "")


def check_settings(env: Mapping[str, str] = os.environ) -> None:
    """Raise InvalidSettings if traces are wanted, and could not be sent."""
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
    """Begin to trace in this process, if that is requested. Call it after the last fork: it starts a thread.

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
    """Make spans with `provider` from now on; None: make none."""
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
        with span(name, kind="client", order_id=order_id):
            yield
    finally:
        stop()


def is_on() -> bool:
    """Return whether this process traces."""
    return _tracer is not None


def current_traceparent() -> str | None:
    """Return the context of the present span, None if there is none."""
    return trace_headers().get("traceparent")


def trace_headers() -> dict[str, str]:
    """Return the headers that carry the context of the present span to another process."""
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
    order_id: str = "",
    attributes: Mapping[str, Value] = {},
) -> AbstractContextManager[None]:
    """Make a span of the block, and the present one within it.

    Its parent is `parent`, a trace context or the headers of a request, or the present span if there is none.
    """
    if _tracer is None:
        return nullcontext()
    return _open_span(_tracer, name, kind, _context_of(parent), links, _with_order(attributes, order_id))


def batch_span(name: str, callers: Iterable[str | None]) -> AbstractContextManager[None]:
    """Make a span of work that is done for several callers at once: it begins a trace, linked to those of the callers.

    The work of a single caller belongs to its own trace, and needs no span.
    """
    if _tracer is None:
        return nullcontext()
    contexts = list(callers)
    links = [each for each in contexts if each and _is_sampled(each)]
    if len(contexts) < 2 or not links:
        return nullcontext()
    from opentelemetry.context import Context

    return _open_span(_tracer, name, "internal", Context(), links, {"pizzashop.batch_size": len(contexts)})


@contextmanager
def member_spans(name: str, members: Iterable[Member], kind: Kind = "internal") -> Iterator[None]:
    """Make a span of the block in the trace of each member, linked to the present span, which does the work of all."""
    if _tracer is None:
        yield
        return
    present = current_traceparent()
    with ExitStack() as stack:
        for member in members:
            if member.traceparent:
                attributes = _with_order(member.attributes, member.order_id)
                made = _start_span(_tracer, name, kind, _context_of(member.traceparent), [present], attributes)
                stack.callback(made.end)
        yield


@contextmanager
def muted() -> Iterator[None]:
    """Make no spans within the block, here and in the processes that it calls."""
    if _tracer is None:
        yield
        return
    from opentelemetry.trace import NonRecordingSpan, SpanContext, use_span

    present = _present_span().get_span_context()
    with use_span(NonRecordingSpan(SpanContext(present.trace_id, present.span_id, is_remote=False))):
        yield


def describe(attributes: Mapping[str, Value], *, name: str = "") -> None:
    """Add attributes to the present span, and replace its name."""
    if _tracer is not None:
        present = _present_span()
        present.set_attributes(dict(attributes))
        if name:
            present.update_name(name)


def describe_order(order_id: str) -> None:
    """Say of which order the present span is."""
    describe({ORDER_ID: order_id})


def describe_status(status: int) -> None:
    """Say with which HTTP status the request of the present span was answered."""
    if _tracer is None:
        return
    describe({"http.response.status_code": status})
    if status >= 500:
        from opentelemetry.trace import StatusCode

        describe({"error.type": str(status)})
        _present_span().set_status(StatusCode.ERROR)


def link(traceparent: str | None) -> None:
    """Link the present span to another one."""
    if _tracer is not None:
        for each in _links([traceparent]):
            _present_span().add_link(each.context)


def bind(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function that runs with the present span, whichever thread calls it."""
    if _tracer is None:
        return function
    context = copy_context()

    def bound(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.run(function, *args, **kwargs)

    return bound


def log_fields() -> dict[str, str]:
    """Return the ids of the present span, as a log line has them; none if there is no span."""
    if _tracer is None:
        return {}
    context = _present_span().get_span_context()
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"} if context.is_valid else {}


def sidecar_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return what the environment `env` of a sidecar lacks to send traces as the roles do.

    A sidecar would speak gRPC with TLS. `SIDECAR_TRACE_SAMPLING` are the digits after the 0 of its sampling rate, see
    `resources/config/local.yaml`: with any rate but 0, it follows the decision of the trace that a request belongs to.
    """
    if not is_requested(env) or not endpoint(env):
        return {}
    needed = {"OTEL_EXPORTER_OTLP_PROTOCOL": PROTOCOL, "SIDECAR_TRACE_SAMPLING": ".0001"}
    if urlsplit(endpoint(env)).scheme == "http":
        needed["OTEL_EXPORTER_OTLP_INSECURE"] = "true"
    return {name: value for name, value in needed.items() if not env.get(name)}


@contextmanager
def _open_span(
    tracer: "Tracer",
    name: str,
    kind: Kind,
    context: "Context | None",
    links: Iterable[str | None],
    attributes: Mapping[str, Value],
) -> Iterator[None]:
    from opentelemetry.trace import use_span

    with use_span(_start_span(tracer, name, kind, context, links, attributes), end_on_exit=True):
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


def _with_order(attributes: Mapping[str, Value], order_id: str) -> Mapping[str, Value]:
    return {ORDER_ID: order_id, **attributes} if order_id else attributes


def _context_of(parent: str | Mapping[str, str] | None) -> "Context | None":
    """Return the context of a parent. An invalid one counts as none, and then the span begins a trace."""
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


def _present_span() -> "Span":
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
