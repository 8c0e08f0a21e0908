"""A part of the shop is away, or frozen, for a while: everything else answers, and afterwards every order goes on.

How long it is away is for `PIZZASHOP_TEST_OUTAGE` to say, in seconds: 600 makes it the ten minutes of a bad night.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any

import pytest
from shop_client import KITCHEN, WORKFLOW, ShopClient, eventually, new_order, stages
from shop_client import ORDERS as ORDER_ROLE
from shop_processes import SERVERS_OF_STORE, ShopProcesses

from pizzashop.dapr.http import Reply
from pizzashop.domain.lifecycle import HAPPY_PATH
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project

OUTAGE_SECONDS = float(os.environ.get("PIZZASHOP_TEST_OUTAGE", "8"))
ANSWER_SECONDS = 20.0
"""The longest that any answer may take: a call that waits for a frozen part gives up before."""
ORDERS = 6

pytestmark = pytest.mark.timeout(OUTAGE_SECONDS + 240)


FROZEN = ("scheduler", "order", "kitchen", "workflow", "sidecar-order")
AWAY = ("placement", "kitchen", "sidecar-workflow")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Take away these parts, and the servers of the shop's state store."""
    parts = {"frozen": FROZEN, "away": AWAY}
    for name in parts.keys() & set(metafunc.fixturenames):
        metafunc.parametrize(name, [*SERVERS_OF_STORE[metafunc.config.getoption("store")], *parts[name]])


@pytest.fixture(scope="module")
def separate(
    project: Project, dapr: Dapr, store_name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ShopProcesses]:
    made = ShopProcesses(tmp_path_factory.mktemp("outages"), project, dapr, {"PIZZASHOP_PACE": "0.15"}, store_name)
    with made.running() as running:
        yield running


def test_a_frozen_part_holds_up_orders_and_loses_none(separate: ShopProcesses, client: ShopClient, frozen: str) -> None:
    orders = _on_their_way(client)
    separate.freeze(frozen)
    try:
        _everything_answers(client, orders, frozen)
    finally:
        separate.thaw(frozen)
    _go_on_to_their_end(client, orders)


def test_a_part_that_is_away_holds_up_orders_and_loses_none(
    separate: ShopProcesses, client: ShopClient, away: str
) -> None:
    orders = _on_their_way(client)
    separate.kill(away)
    try:
        _everything_answers(client, orders, away)
    finally:
        separate.start(away)
    _go_on_to_their_end(client, orders)


def _on_their_way(client: ShopClient) -> list[str]:
    """Some orders that cook or are delivered, and some that wait for the manager."""
    placed = [client.place_order("outage") for _ in range(ORDERS)]
    for order_id in placed[::2]:
        client.decide(order_id, approved=True)
    eventually(lambda: client.record(placed[-1])["status"], lambda status: status.startswith("cooking"))
    return placed


def _everything_answers(client: ShopClient, orders: list[str], away: str) -> None:
    """For as long as the part is away, every call is answered soon: as ever, or 503 with `Retry-After`."""
    end = time.monotonic() + OUTAGE_SECONDS
    for order_id in cycle(orders):
        calls = [call for role, call in _calls(order_id) if role != away]
        with ThreadPoolExecutor(len(calls)) as pool:
            for call, (reply, seconds) in zip(calls, pool.map(lambda call: _timed(client, call), calls), strict=True):
                assert seconds < ANSWER_SECONDS, (call, reply)
                assert reply.status == 200 or (reply.status == 503 and "retry-after" in reply.headers), (call, reply)
        if time.monotonic() > end:
            return
        time.sleep(min(1.0, OUTAGE_SECONDS / 20))  # the pace of somebody who asks, and no wait for anything


def _calls(order_id: str) -> list[tuple[str, tuple[str, str, Any]]]:
    asked = {"order_id": order_id}
    return [
        ("order", ("GET", f"{ORDER_ROLE}/order/{order_id}", None)),
        ("order", ("GET", f"{ORDER_ROLE}/orders", None)),
        ("workflow", ("GET", f"{WORKFLOW}/get-status/{order_id}", None)),
        ("workflow", ("POST", f"{WORKFLOW}/validate-pizza", {**asked, "approved": True})),
        ("workflow", ("POST", f"{WORKFLOW}/start-order", new_order("outage"))),
        ("kitchen", ("GET", f"{KITCHEN}/healthz", None)),
    ]


def _timed(client: ShopClient, call: tuple[str, str, Any]) -> tuple[Reply, float]:
    began = time.monotonic()
    return client.reply(*call), time.monotonic() - began


def _go_on_to_their_end(client: ShopClient, orders: list[str]) -> None:
    """Each is delivered, with a history that shows each stage once and has no gap."""
    for order_id in orders:
        eventually(lambda order_id=order_id: client.decide(order_id, approved=True)[0] == 200, seconds=60)
    for order_id in orders:
        assert stages(client.wait_for_status(order_id, "delivered", seconds=120)) == list(HAPPY_PATH)
