"""Every process of the shop is killed in the midst of orders in all phases: none is lost, nothing is done twice."""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from shop_client import KITCHEN, WORKFLOW, FaultTable, ShopClient, eventually, new_order, stages
from shop_client import ORDERS as ORDER_ROLE
from shop_processes import PROCESSES, SERVERS_OF_STORE, ShopProcesses
from told import runs, twice

from pizzashop.domain.lifecycle import FINAL, HAPPY_PATH
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project

AHEAD = sys.executable, str(Path(__file__).with_name("clock_ahead.py"))
PACE = 0.15
ORDERS = 20


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Kill each process of the shop alone, and then all of them."""
    if "killed" in metafunc.fixturenames:
        everything = tuple(dict.fromkeys((*SERVERS_OF_STORE[metafunc.config.getoption("store")], *PROCESSES)))
        metafunc.parametrize("killed", [*((name,) for name in everything), everything], ids="+".join)


@pytest.fixture(scope="module")
def separate(
    project: Project, dapr: Dapr, store_name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ShopProcesses]:
    made = ShopProcesses(tmp_path_factory.mktemp("faults"), project, dapr, {"PIZZASHOP_PACE": str(PACE)}, store_name)
    with made.running() as running:
        yield running


def _in_all_phases(client: ShopClient) -> list[str]:
    """Twenty orders, placed so that they are spread over the whole way of an order."""
    placed: list[str] = []
    while len(placed) < ORDERS:
        order_id = client.place_order("fault")
        if len(placed) % 4:
            client.decide(order_id, approved=True)
        placed.append(order_id)
        eventually(lambda order_id=order_id: len(client.record(order_id)["history"]) > 1)
    eventually(lambda: client.record(placed[1])["status"], lambda status: status.startswith("deliver"))
    return placed


def _asked_meanwhile(client: ShopClient, order_id: str, killed: tuple[str, ...]) -> None:
    """While a part is away every request is answered: as ever, or 503 with `Retry-After`."""
    asked = {"order_id": order_id}
    calls = {
        "order": [("GET", f"{ORDER_ROLE}/order/{order_id}", None), ("GET", f"{ORDER_ROLE}/orders", None)],
        "workflow": [
            ("GET", f"{WORKFLOW}/get-status/{order_id}", None),
            ("POST", f"{WORKFLOW}/validate-pizza", {**asked, "approved": True}),
            ("POST", f"{WORKFLOW}/start-order", new_order("fault")),
        ],
        "kitchen": [("POST", f"{KITCHEN}/cook", new_order("fault"))],
    }
    open_calls = [call for role, each in calls.items() if role not in killed for call in each]
    with ThreadPoolExecutor(len(open_calls) or 1) as pool:
        replies = list(pool.map(lambda call: client.reply(*call), open_calls))
    for call, reply in zip(open_calls, replies, strict=True):
        assert reply.status == 200 or (reply.status == 503 and "retry-after" in reply.headers), (call, reply)


def _approve(client: ShopClient, order_id: str) -> None:
    def approved() -> bool:
        return client.decide(order_id, approved=True)[0] == 200

    eventually(approved, seconds=60)


def test_nothing_is_lost_and_nothing_done_twice(
    separate: ShopProcesses, client: ShopClient, killed: tuple[str, ...], fault_table: FaultTable, store_name: str
) -> None:
    orders = _in_all_phases(client)
    in_flight = sum(client.record(order_id)["status"] not in FINAL for order_id in orders)
    separate.kill(*killed)
    at_kill = time.time()
    # While only the topic is away a step waits to publish its stages, and its answer with it.
    waiting = ("kitchen",) if store_name != "redis" and "valkey" in killed else ()
    _asked_meanwhile(client, orders[0], (*killed, *waiting))
    separate.start(*killed)
    for order_id in orders:
        _approve(client, order_id)
    records = [client.wait_for_status(order_id, "delivered", seconds=90) for order_id in orders]
    over_again, in_flight_again = twice(runs(orders), at_kill)
    lost = [record["order_id"] for record in records if stages(record) != list(HAPPY_PATH)]
    name = killed[0] if len(killed) == 1 else "everything"
    fault_table((name, in_flight, len(records), len(lost), len(over_again), len(in_flight_again)))
    assert (lost, over_again, in_flight_again) == ([], [], [])


def test_a_clock_set_back_by_an_hour_holds_up_no_order(separate: ShopProcesses, client: ShopClient) -> None:
    """The kitchen dies with a lease that ends in an hour, by the clock that there is then."""
    separate.kill("order")
    separate.replace_program("order", *AHEAD)
    separate.start("order")
    order_id = client.place_order("clock")
    eventually(lambda: client.record(order_id)["status"], lambda status: status.startswith("cooking"))
    separate.kill("kitchen", "order")
    separate.replace_program("order")
    separate.start("order")
    assert client.record(order_id)["status"].startswith("cooking")
    separate.start("kitchen")
    client.wait_for_status(order_id, "pending_validation", seconds=40)
    _approve(client, order_id)
    assert stages(client.wait_for_status(order_id, "delivered", seconds=40)) == list(HAPPY_PATH)
