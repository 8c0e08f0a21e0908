"""Two processes of a role share its work; one of each is killed in the midst of orders, and the others finish it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest
from doubled import Second
from shop_client import FaultTable, ShopClient, eventually, new_order, stages
from shop_processes import ShopProcesses
from told import runs, twice

from pizzashop.domain.lifecycle import FINAL, HAPPY_PATH
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project
from pizzashop.roles import KITCHEN, ORDER, WORKFLOW

PACE = 0.5
ORDERS = 200
CLIENTS = 16
SHARED = (ORDER, KITCHEN, WORKFLOW)
SAYS_WHEN_IT_WORKS = {"order": "pending_validation", "kitchen": "cooking_baking", "workflow": "workflow worker ready"}
"""`pending_validation` is the one thing that a record hears of by the topic alone."""

Doubled = dict[str, Second]


@pytest.fixture
def doubled(project: Project, dapr: Dapr, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doubled]:
    """A shop with two processes each of `workflow`, `kitchen` and `order`: the second of each."""
    directory, env = tmp_path_factory.mktemp("doubled"), {"PIZZASHOP_PACE": str(PACE)}
    ours = replace(project, config=project.config.with_name("mdns.yaml"))
    seconds = {role.name: Second(role, directory, ours, dapr, env) for role in SHARED}
    with ShopProcesses(directory, ours, dapr, env).running(), ExitStack() as stack:
        for each in seconds.values():
            stack.callback(each.stop)
            each.start()
        for each in seconds.values():
            each.wait()
        yield seconds


@pytest.mark.timeout(900)
def test_what_the_killed_ones_leave_the_others_finish(
    doubled: Doubled, client: ShopClient, fault_table: FaultTable
) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        orders = list(pool.map(lambda _: _placed_and_approved(client), range(ORDERS)))
        for name, each in doubled.items():
            eventually(lambda name=name, each=each: SAYS_WHEN_IT_WORKS[name] in each.text(), seconds=60)
        statuses = list(pool.map(lambda order_id: client.record(order_id)["status"], orders))
    for each in doubled.values():
        each.kill()
    at_kill = time.time()
    in_flight = sum(status not in FINAL for status in statuses)
    records = [client.wait_for_status(order_id, "delivered", seconds=300) for order_id in orders]
    lost = [record["order_id"] for record in records if stages(record) != list(HAPPY_PATH)]
    over_again, in_flight_again = twice(runs(orders), at_kill)
    fault_table(("one of two of each", in_flight, len(records), len(lost), len(over_again), len(in_flight_again)))
    assert in_flight
    assert (lost, over_again, in_flight_again) == ([], [], [])


def _placed_and_approved(client: ShopClient) -> str:
    order = new_order("two")
    order_id: str = order["order_id"]
    # Where they are behind they say so, and the customer asks again.
    eventually(lambda: client.start(order)[0] == 200, seconds=120)
    eventually(lambda: client.decide(order_id, approved=True)[0] == 200, seconds=120)
    return order_id
