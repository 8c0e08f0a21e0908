"""The spans that this process makes, kept in memory."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pizzashop import tracing


class Spans:
    """The finished spans; every name is asked for in the form that the span has it."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def all(self, name: str = "") -> list[ReadableSpan]:
        """Return the spans of this name, in the order in which they ended; without a name, all."""
        return [span for span in self._exporter.get_finished_spans() if name in ("", span.name)]

    def one(self, name: str) -> ReadableSpan:
        """Return the only span of this name."""
        (span,) = self.all(name)
        return span

    def names_in_trace(self, trace_id: int) -> list[str]:
        """Return the names of the spans of a trace."""
        return [span.name for span in self.all() if trace_of(span) == trace_id]

    def path_to(self, span: ReadableSpan) -> list[str]:
        """Return the names of a span's ancestors, the oldest first, and its own."""
        by_id = {each.context.span_id: each for each in self.all()}
        path = [span.name]
        while span.parent is not None and (parent := by_id.get(span.parent.span_id)) is not None:
            path, span = [parent.name, *path], parent
        return path


def trace_of(span: ReadableSpan) -> int:
    """Return the id of the trace of a span."""
    return span.context.trace_id


def linked_spans(span: ReadableSpan) -> set[int]:
    """Return the ids of the spans that a span links to."""
    return {link.context.span_id for link in span.links}


@contextmanager
def recorded_spans() -> Iterator[Spans]:
    """Trace within the block."""
    recorded = Spans()
    tracing.use(recorded.provider)
    try:
        yield recorded
    finally:
        tracing.use(None)
        recorded.provider.shutdown()
