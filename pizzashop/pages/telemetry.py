"""What the traces and the logs have of one order, for the manager's page.

The traces come from the JSON API of Jaeger, which other stores of traces have too. The log lines come from the files of
`pizzashop up`.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from pydantic import BaseModel, Field, ValidationError

from pizzashop.dapr.http import HttpClient
from pizzashop.domain.record import OrderSnapshot
from pizzashop.errors import Unavailable
from pizzashop.logs.reading import LogLine, read_log_lines
from pizzashop.roles import WORKFLOW
from pizzashop.tracing import ORDER_ID

# A page does not wait longer than this for the traces.
TRACES_SECONDS = 2.0
# Orders that were remade or decided on several times have a trace for each request.
MAX_TRACES = 50
# The request that starts an order begins before its record.
_BEFORE_RECORD = timedelta(minutes=1)


class Span(NamedTuple):
    """A span: times in seconds since the epoch, and how many of its ancestors belong to the order too."""

    name: str
    service: str
    begin: float
    seconds: float
    is_error: bool
    depth: int
    trace_id: str


class OrderTelemetry(NamedTuple):
    """The spans and the log lines of an order, each in order of time; `fault` says why spans are missing."""

    spans: Sequence[Span] = ()
    lines: Sequence[LogLine] = ()
    fault: str = ""


class Telemetry:
    """Reads the traces at the address `traces_url`, and the log files in `logs`; nothing if there is no address."""

    def __init__(self, traces_url: str, logs: Path) -> None:
        self._url, self._logs = traces_url.rstrip("/"), logs
        self._client = HttpClient()

    @property
    def is_on(self) -> bool:
        """Whether there is anything to read."""
        return bool(self._url)

    def load(self, record: OrderSnapshot) -> OrderTelemetry:
        """Return what there is of an order."""
        if not self.is_on:
            return OrderTelemetry()
        order_id = str(record.order["order_id"])
        lines = read_log_lines(self._logs, order_id)
        try:
            return OrderTelemetry(self._load_spans(order_id, datetime.fromisoformat(record.history[0].at)), lines)
        except Unavailable as error:
            return OrderTelemetry(lines=lines, fault=str(error))

    def _load_spans(self, order_id: str, accepted: datetime) -> list[Span]:
        query = {
            "service": WORKFLOW.app_id,
            # A page or a program that only reads the order makes traces of its own, with GET.
            "tags": json.dumps({ORDER_ID: order_id, "http.request.method": "POST"}),
            "start": _microseconds(accepted - _BEFORE_RECORD),
            "end": _microseconds(datetime.now(UTC)),
            "limit": MAX_TRACES,
        }
        try:
            reply = self._client.request("GET", f"{self._url}/api/traces?{urlencode(query)}", TRACES_SECONDS)
        except Unavailable:
            raise Unavailable(f"{self._url} does not answer") from None
        if reply.status != 200:
            raise Unavailable(f"{self._url} answers with status {reply.status}")
        try:
            traces = _Answer.model_validate_json(reply.body).data
        except ValidationError:
            raise Unavailable(f"{self._url} does not answer as Jaeger does") from None
        found = [span for trace in traces for span in _spans_of(trace, order_id)]
        return sorted(found, key=lambda span: (span.begin, span.depth))


class _Tag(BaseModel):
    key: str
    value: Any = None


class _Reference(BaseModel):
    ref_type: str = Field(alias="refType")
    span_id: str = Field(alias="spanID")


class _Span(BaseModel):
    trace_id: str = Field(alias="traceID")
    span_id: str = Field(alias="spanID")
    name: str = Field(alias="operationName")
    references: list[_Reference] = []
    start: int = Field(alias="startTime")
    duration: int
    tags: list[_Tag] = []
    process: str = Field(alias="processID")

    def tag(self, key: str) -> Any:
        """Return the value of a tag, None if there is none."""
        return next((tag.value for tag in self.tags if tag.key == key), None)

    def parent(self) -> str | None:
        return next((each.span_id for each in self.references if each.ref_type == "CHILD_OF"), None)


class _Process(BaseModel):
    service: str = Field(alias="serviceName")


class _Trace(BaseModel):
    spans: list[_Span]
    processes: dict[str, _Process]


class _Answer(BaseModel):
    data: list[_Trace]


def _spans_of(trace: _Trace, order_id: str) -> Iterator[Span]:
    """Yield the spans of a trace that belong to the order: a client may start several orders in one trace."""
    by_id = {span.span_id: span for span in trace.spans}
    for span in trace.spans:
        line = list(_line_of(span, by_id))
        owner = next((own for each in line if (own := each.tag(ORDER_ID)) is not None), order_id)
        if owner != order_id:
            continue
        process = trace.processes.get(span.process)
        yield Span(
            span.name,
            process.service if process else "",
            span.start / 1e6,
            span.duration / 1e6,
            span.tag("error") is True,
            len(line) - 1,
            span.trace_id,
        )


def _line_of(span: _Span, by_id: dict[str, _Span]) -> Iterator[_Span]:
    """Yield a span and its ancestors, as far as the store has them."""
    seen: set[str] = set()
    present: _Span | None = span
    while present is not None and present.span_id not in seen:
        seen.add(present.span_id)
        yield present
        present = by_id.get(present.parent() or "")


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6)
