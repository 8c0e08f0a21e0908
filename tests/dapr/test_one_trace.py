"""Traces of the real shop: one leads from the command to the page, through all roles and across a killed kitchen."""

import os
import subprocess
from collections.abc import Iterator

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
# What ends last. Spans arrive in no certain order.
LAST_SPANS = {"orchestration||pizza_workflow", "activity: deliver_pizza", "POST /deliver", "show order"}
TO_WORKFLOW = ["pizzashop order", "POST /start-order", "POST /order/<order_id>/accept", "schedule workflow"]


@pytest.fixture(scope="module")
def receiver() -> Iterator[OtlpReceiver]:
    with otlp_receiver() as opened:
        yield opened


@pytest.fixture(scope="module")
def shop(
    tmp_path_factory: pytest.TempPathFactory, project: Project, dapr: Dapr, store_name: str, receiver: OtlpReceiver
) -> Iterator[ShopProcesses]:
    env = {**receiver.environment, "PIZZASHOP_PACE": "0.3"}
    with ShopProcesses(tmp_path_factory.mktemp("state"), project, dapr, env, store_name).running() as shop:
        yield shop


@pytest.fixture(scope="module")
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
    return eventually(
        lambda: receiver.trace_of("pizzashop order"), lambda spans: {span.name for span in spans} >= LAST_SPANS
    )


def own_path(receiver: OtlpReceiver, name: str) -> list[str]:
    """Return the names of a span and its ancestors, the oldest first, without those of the sidecars.

    Return none while one of them has not arrived.
    """
    trace = receiver.trace_of("pizzashop order")
    by_id = {each.span_id: each for each in trace}
    found = [each for each in trace if each.name == name]
    assert len(found) <= 1
    path, span = list[str](), found[0] if found else None
    while span is not None:
        path = path if span.library in SIDECAR_LIBRARIES else [span.name, *path]
        if not span.parent_id:
            return path
        span = by_id.get(span.parent_id)
    return []


def until_below(receiver: OtlpReceiver, *names: str) -> None:
    """Wait until the last of these spans is there, with the others as its ancestors."""
    eventually(lambda: own_path(receiver, names[-1]), lambda path: path == [*TO_WORKFLOW, *names])


def test_one_trace_tells_the_story_of_an_order_across_a_killed_kitchen(
    trace: list[ReceivedSpan], receiver: OtlpReceiver
) -> None:
    # The kitchen was killed while it baked: that stage, and what followed, is of its second run.
    to_cook = ("activity: cook_pizza", "POST /cook", "step cook")
    for name in ("wait for lease", "stage cooking_baking", "stage cooking_quality_check"):
        until_below(receiver, *to_cook, name)
    until_below(receiver, "activity: deliver_pizza", "POST /deliver", "step deliver", "stage delivery_on_the_way")
    (step,) = (span for span in trace if span.name == "step cook")
    assert "pizzashop.crashed_run" in step.attributes
    # All roles and all sidecars are in it, and nothing that concerns the order alone is elsewhere.
    assert {span.service for span in trace if span.library in SIDECAR_LIBRARIES} == APP_IDS
    assert {span.service for span in trace if span.library not in SIDECAR_LIBRARIES} == {"pizzashop", *APP_IDS}
    alone = ("step ", "stage ", "claim", "apply event", "show order", "activity: ")
    trace_ids = {span.trace_id for span in receiver.spans() if span.name.startswith(alone)}
    assert trace_ids == {trace[0].trace_id}


@pytest.mark.parametrize(("name", "request_name"), [("claim", "POST /claims"), ("apply event", "POST /orders-sub")])
def test_what_concerns_the_order_is_linked_to_the_request_that_many_orders_share(
    trace: list[ReceivedSpan], receiver: OtlpReceiver, name: str, request_name: str
) -> None:
    links = {link for span in trace if span.name == name for link in span.links}
    assert links

    def linked() -> list[str]:
        return [span.name for span in receiver.spans() if span.span_id in links]

    eventually(linked, lambda names: names == [request_name] * len(links))
