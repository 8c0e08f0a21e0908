"""Traces of the real shop: one leads from the command to the page, through all roles and across a killed kitchen."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from otlp_receiver import OtlpReceiver, ReceivedSpan, otlp_receiver
from shop_client import PIZZASHOP, ShopClient, eventually
from shop_processes import ShopProcesses
from sse import Page

from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project
from pizzashop.roles import APP_IDS

ORDER_ID = "traced"
# The libraries that make the spans of a sidecar.
SIDECAR_LIBRARIES = ("dapr-diagnostics", "durabletask")
LAST_SPANS = {"orchestration||pizza_workflow", "show order", "POST /order/<order_id>/end", "step deliver"}
TO_WORKFLOW = ["pizzashop order", "POST /start-order", "POST /order/<order_id>/accept", "schedule workflow"]


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with otlp_receiver() as opened:
        yield opened


@pytest.fixture
def shop(
    tmp_path: Path, project: Project, dapr: Dapr, store_name: str, receiver: OtlpReceiver
) -> Iterator[ShopProcesses]:
    env = {**receiver.environment, "PIZZASHOP_PACE": "0.3"}
    with ShopProcesses(tmp_path, project, dapr, env, store_name).running() as shop:
        yield shop


@pytest.fixture
def trace(shop: ShopProcesses, client: ShopClient, receiver: OtlpReceiver) -> list[ReceivedSpan]:
    """The trace of an order that a command placed and a page showed, and whose kitchen was killed in mid-step."""
    command = [PIZZASHOP, "order", "pepperoni", "--id", ORDER_ID]
    subprocess.run(command, env={**os.environ, **receiver.environment}, check=True, capture_output=True)
    page = Page(f"/live/orders/{ORDER_ID}")
    page.start()
    client.wait_for_status(ORDER_ID, "cooking_baking")
    shop.kill("kitchen")
    shop.start("kitchen")
    client.wait_for_status(ORDER_ID, "pending_validation", seconds=60)
    assert client.decide(ORDER_ID, approved=True)[0] == 200
    client.wait_for_status(ORDER_ID, "delivered")
    page.join(20)
    trace_of = lambda: receiver.trace_of("pizzashop order")
    spans = eventually(trace_of, lambda spans: {span.name for span in spans} >= LAST_SPANS)
    import json
    Path("/root/w-traces/spans.json").write_text(json.dumps([s._asdict() for s in receiver.spans()]))
    return spans


def own_path(trace: list[ReceivedSpan], span: ReceivedSpan) -> list[str]:
    """Return the names of a span and its ancestors, the oldest first, without those of the sidecars."""
    by_id = {each.span_id: each for each in trace}
    path: list[str] = []
    while True:
        path = path if span.library in SIDECAR_LIBRARIES else [span.name, *path]
        if not span.parent_id:
            return path
        span = by_id[span.parent_id]


def test_one_trace_tells_the_story_of_an_order_across_a_killed_kitchen(
    trace: list[ReceivedSpan], receiver: OtlpReceiver, client: ShopClient
) -> None:
    own = [span for span in trace if span.library not in SIDECAR_LIBRARIES]
    assert {span.service for span in own} == {"pizzashop", *APP_IDS}
    assert {span.service for span in trace if span.library in SIDECAR_LIBRARIES} == APP_IDS
