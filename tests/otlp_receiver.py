"""A receiver of traces over OTLP/HTTP, as a collector has one. It keeps the spans that it receives."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from running_server import running


class ReceivedSpan(NamedTuple):
    """A span: the service and the library that made it, its ids in hexadecimal, and the spans that it links to."""

    service: str
    library: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[str, ...]
    attributes: dict[str, Any]


class OtlpReceiver:
    """The receiver; `url` is its endpoint, and `environment` what a program needs to send its spans there at once."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        self._lock = threading.Lock()
        self._spans: list[ReceivedSpan] = []

    def spans(self) -> list[ReceivedSpan]:
        """Return the spans that have arrived by now."""
        with self._lock:
            return list(self._spans)

    def trace_of(self, name: str) -> list[ReceivedSpan]:
        """Return all spans of the trace that has a span of this name; none if no trace has."""
        spans = self.spans()
        trace_ids = {span.trace_id for span in spans if span.name == name}
        assert len(trace_ids) <= 1, f"{len(trace_ids)} traces have a span {name}"
        return [span for span in spans if span.trace_id in trace_ids]

    def receive(self, body: bytes) -> None:
        """Take in one request."""
        request = ExportTraceServiceRequest.FromString(body)
        received = [span for each in request.resource_spans for span in _spans_of(each)]
        with self._lock:
            self._spans += received


@contextmanager
def otlp_receiver() -> Iterator[OtlpReceiver]:
    """Run a receiver within the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_traces = self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf"
            if is_traces:
                receiver.receive(body)
            self.send_response(200 if is_traces else 400)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = OtlpReceiver(server.server_port)
    with running(server):
        yield receiver


def _spans_of(resource_spans: Any) -> Iterator[ReceivedSpan]:
    resource = _values(resource_spans.resource.attributes)
    for of_library in resource_spans.scope_spans:
        for span in of_library.spans:
            yield ReceivedSpan(
                resource["service.name"],
                of_library.scope.name,
                span.name,
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                tuple(link.span_id.hex() for link in span.links),
                _values(span.attributes),
            )


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
