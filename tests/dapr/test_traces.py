"""Traces on the real shop: one trace leads from the command to the page, across all roles, and across a killed one."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from otlp_receiver import OtlpReceiver, otlp_receiver
from shop_client import PIZZASHOP, ShopClient
from shop_processes import ShopProcesses
from sse import Page

from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project


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


def test_x(shop: ShopProcesses, client: ShopClient, receiver: OtlpReceiver) -> None:
    order_id = "traced"
    command = [PIZZASHOP, "order", "pepperoni", "--id", order_id]
    subprocess.run(command, env={**os.environ, **receiver.environment}, check=True, capture_output=True)
    page = Page(f"/live/orders/{order_id}")
    page.start()
    client.wait_for_status(order_id, "cooking_baking")
    shop.kill("kitchen")
    shop.start("kitchen")
    client.wait_for_status(order_id, "pending_validation", seconds=40)
    assert client.decide(order_id, approved=True)[0] == 200
    client.wait_for_status(order_id, "delivered")
    import time

    time.sleep(3)
    spans = receiver.trace_of("pizzashop order")
    by_parent = {}
    for s in spans:
        by_parent.setdefault(s.parent_id, []).append(s)
    ids = {s.span_id for s in spans}
    out = open("/root/w-traces/tree.txt", "w")

    def show(parent, depth):
        for s in by_parent.get(parent, []):
            print(
                "  " * depth,
                f"{s.service} [{s.library}] {s.name} links={len(s.links)} {s.attributes.get('pizzashop.order_id', '')}",
                file=out,
            )
            show(s.span_id, depth + 1)

    show("", 0)
    for p in by_parent:
        if p and p not in ids:
            print("ORPHANS OF", p, file=out)
            show(p, 1)
    others = [s for s in receiver.spans() if s.trace_id != spans[0].trace_id]
    from collections import Counter

    for k, n in Counter((s.service, s.library, s.name, s.parent_id != "") for s in others).most_common():
        print("OTHER", n, k, file=out)
