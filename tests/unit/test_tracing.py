"""Traces: what switches them on, and how a trace context passes from one thread or process to another."""

import asyncio
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from fakes.daprd import FakeDaprd, open_daprd
from fakes.shop import ORDER_123, FakeShop, stage
from fakes.spans import Spans, linked_spans, recorded_spans, trace_of

from pizzashop import logs, tracing
from pizzashop.dapr.batching import Batcher
from pizzashop.dapr.client import SidecarClient, _encode_bulk, _encode_event
from pizzashop.dapr.http import HttpClient
from pizzashop.domain.lifecycle import COOK_STEP
from pizzashop.domain.record import Record
from pizzashop.errors import InvalidSettings
from pizzashop.roles import KITCHEN
from pizzashop.steps.lease import ClaimSender
from pizzashop.steps.runner import StepContext, run_step
from pizzashop.workflow import sdk

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.fixture
def spans() -> Iterator[Spans]:
    with recorded_spans() as recorded:
        yield recorded


@pytest.fixture
def daprd() -> Iterator[FakeDaprd]:
    with open_daprd() as daprd:
        yield daprd


@pytest.mark.parametrize(
    ("env", "requested"),
    [
        ({}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_conventional_variables_switch_tracing_on(env: Mapping[str, str], requested: bool) -> None:
    assert tracing.is_requested(env) is requested
    tracing.check_settings(env)


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER"),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "127.0.0.1:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[:1"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:99999"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ],
)
def test_an_invalid_variable_is_refused_by_its_name(env: Mapping[str, str], named: str) -> None:
    with pytest.raises(InvalidSettings, match=named):
        tracing.check_settings(env)


# The API alone may be there: other packages need it.
WITHOUT_EXTRA = """
import sys
sys.modules["{missing}"] = None
from pizzashop.cli import main
main(["serve", "--role", "kitchen"])
"""


@pytest.mark.parametrize("missing", ["opentelemetry", "opentelemetry.exporter", "opentelemetry.sdk"])
def test_an_endpoint_without_the_packages_is_refused_in_one_sentence(missing: str) -> None:
    program = WITHOUT_EXTRA.format(missing=missing)
    run = subprocess.run(
        [sys.executable, "-c", program], env=ENDPOINT, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1].endswith("install pizzashop[telemetry].")


WITHOUT_VARIABLES = """
import sys
from pizzashop import tracing
from pizzashop.roles import KITCHEN, ORDER, STOREFRONT
from pizzashop.server.running_roles import RunningRoles
from pizzashop.settings import Settings
RunningRoles({role.port: role for role in (KITCHEN, ORDER, STOREFRONT)}, Settings.from_env()).close()
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""


def test_without_the_variables_a_role_imports_nothing_of_opentelemetry() -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_VARIABLES], env={}, capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout == "[]\n"


def test_without_tracing_nothing_is_sent_or_kept() -> None:
    with tracing.span("anything"), tracing.member_spans("any", [tracing.Member("x", "123")]):
        assert tracing.trace_headers() == tracing.log_fields() == {}
        assert tracing.current_traceparent() is None
    assert "traceparent" not in json.dumps(json.loads(_encode_bulk([_encode_event({"order_id": "1"})])))


def test_a_sidecar_gets_what_it_lacks_to_send_its_traces_to_the_same_place() -> None:
    assert tracing.sidecar_environment({}) == {}
    assert tracing.sidecar_environment(ENDPOINT) == {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_INSECURE": "true",
        "SIDECAR_TRACE_SAMPLING": ".0001",
    }
    with_tls = {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://c.example:4318", "SIDECAR_TRACE_SAMPLING": ".5"}
    assert tracing.sidecar_environment(with_tls) == {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}


def test_a_request_carries_the_context_of_the_present_span(spans: Spans, daprd: FakeDaprd) -> None:
    with HttpClient() as http, tracing.span("caller"):
        sidecar = SidecarClient(http, daprd.port)
        daprd.will_answer(200, {})
        sidecar.invoke(KITCHEN, "GET", "/healthz")

        async def invoke() -> Any:
            try:
                return await sidecar.ainvoke(KITCHEN, "/cook", {}, 5)
            finally:
                await sidecar.async_http.close()

        daprd.will_answer(200, {})
        asyncio.run(invoke())
        present = tracing.current_traceparent()
    assert [asked.headers["traceparent"] for asked in daprd.asked] == [present, present]
    assert present is not None
    assert trace_of(spans.one("caller")) == int(present.split("-")[1], 16)


def test_the_work_for_one_caller_is_part_of_its_trace(spans: Spans) -> None:
    contexts: list[str | None] = []

    def work(items: list[int]) -> list[int]:
        contexts.append(tracing.current_traceparent())
        return items

    with tracing.span("caller"):
        Batcher(work, name="work")(1)
        assert contexts == [tracing.current_traceparent()]
    assert spans.all("work") == []


def test_the_work_for_several_callers_is_linked_to_each_of_them(spans: Spans) -> None:
    started, release = threading.Event(), threading.Event()

    def work(items: list[int]) -> list[int]:
        started.set()
        assert release.wait(5)
        return items

    batcher = Batcher(work, name="work")

    def call(number: int) -> None:
        with tracing.span(f"caller {number}"):
            batcher(number)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(3)]
    threads[0].start()
    assert started.wait(5)
    for count, thread in enumerate(threads[1:], 1):
        thread.start()
        while len(batcher._pending) < count:
            assert thread.is_alive()
    release.set()
    for thread in threads:
        thread.join(5)
    batch = spans.one("work")
    assert linked_spans(batch) == {spans.one(f"caller {number}").context.span_id for number in (1, 2)}
    assert trace_of(batch) not in [trace_of(spans.one(f"caller {number}")) for number in range(3)]
    assert batch.parent is None


def test_muted_work_makes_no_spans_here_or_elsewhere(spans: Spans, daprd: FakeDaprd) -> None:
    with tracing.span("caller"), tracing.muted(), tracing.span("inner"), HttpClient() as http:
        daprd.will_answer(200, {})
        SidecarClient(http, daprd.port).invoke(KITCHEN, "GET", "/healthz")
        with tracing.member_spans("member", [tracing.Member(tracing.current_traceparent(), "1")]):
            pass
        with tracing.batch_span("batch", [tracing.current_traceparent()] * 2):
            pass
    assert [span.name for span in spans.all()] == ["caller"]
    trace_id, _, flags = daprd.asked[0].headers["traceparent"].split("-")[1:]
    assert (int(trace_id, 16), flags) == (trace_of(spans.one("caller")), "00")


def test_events_that_are_published_together_keep_the_contexts_of_their_orders(spans: Spans) -> None:
    events = []
    for order_id in ("1", "2"):
        with tracing.span(f"publish {order_id}"):
            events.append(_encode_event({"order_id": order_id}))
    entries = json.loads(_encode_bulk(events))
    for entry in entries:
        made = spans.one(f"publish {entry['metadata']['partitionKey']}").context
        sent = entry["metadata"]["cloudevent.traceparent"].split("-")
        assert sent[1:3] == [f"{made.trace_id:032x}", f"{made.span_id:016x}"]


def test_each_stage_has_a_span_below_that_of_its_run(spans: Spans) -> None:
    shop = FakeShop()
    shop.place()
    shop.sidecar.deliver(stage("confirmed"))
    context = StepContext(shop.sidecar, ClaimSender(shop.sidecar), shop.limit, pace=0.01)
    run_step(COOK_STEP, ORDER_123, context)
    step = spans.one("step cook")
    for timed in COOK_STEP.timed_stages:
        made = spans.one(f"stage {timed.status}")
        assert made.parent.span_id == step.context.span_id
        assert made.attributes["pizzashop.order_id"] == "123"


def test_a_thread_of_a_pool_goes_on_in_the_trace_of_its_caller(spans: Spans) -> None:
    names: list[str | None] = []
    with tracing.span("caller"):
        thread = threading.Thread(target=tracing.bind(lambda: names.append(tracing.current_traceparent())))
        present = tracing.current_traceparent()
    thread.start()
    thread.join()
    assert names == [present]
    assert spans.one("caller")


def test_a_call_of_the_engine_carries_the_context_of_the_present_span(spans: Spans) -> None:
    sent: list[Any] = []
    details = sdk._CallDetails("method", 5, (("dapr-api-token", "x"),), None, None, None)
    with tracing.span("caller"):
        sdk._TraceContextInterceptor().intercept_unary_unary(lambda call, _: sent.append(call.metadata), details, None)
        assert sent == [[("dapr-api-token", "x"), ("traceparent", tracing.current_traceparent())]]
    assert spans.one("caller")


def test_the_client_of_the_engine_sends_it(spans: Spans) -> None:
    assert spans
    received: list[Mapping[str, str]] = []

    class Engine(grpc.GenericRpcHandler):
        def service(self, handler_call_details: grpc.HandlerCallDetails) -> None:
            received.append(dict(handler_call_details.invocation_metadata))

    with ThreadPoolExecutor(1) as threads:
        server = grpc.server(threads, handlers=[Engine()])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        client = sdk.open_client(port)
        with tracing.span("caller"):
            present = tracing.current_traceparent()
            # The server knows no method.
            with pytest.raises(grpc.RpcError):
                client.pause_workflow("1")
        client.close()
        server.stop(None)
    assert [each["traceparent"] for each in received] == [present]


def test_a_json_line_names_the_trace_and_the_span(spans: Spans) -> None:
    record = logging.makeLogRecord({"name": "x", "levelname": "INFO", "msg": "hello"})
    with tracing.span("caller"):
        line = json.loads(logs.JsonFormatter().format(record))
    made = spans.one("caller").context
    assert (line["trace_id"], line["span_id"]) == (f"{made.trace_id:032x}", f"{made.span_id:016x}")


def test_a_record_of_an_earlier_release_has_no_trace() -> None:
    assert Record.model_validate_json('{"uid": "u", "order": {"order_id": "1"}}').traceparent is None
