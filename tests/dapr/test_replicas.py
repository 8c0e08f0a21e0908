"""Two replicas of a role share its work; one of each is killed, and the others finish all orders."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest
from replica import Replica
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
# What the log of a replica has when it works.
WORKS = {"kitchen": "cooking_baking", "workflow": "the workflow worker is ready"}

Replicas = dict[str, Replica]


@pytest.fixture
def replicas(project: Project, dapr: Dapr, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    """A shop with two replicas each of `workflow`, `kitchen` and `order`: the second ones."""
    directory, env = tmp_path_factory.mktemp("replicas"), {"PIZZASHOP_PACE": str(PACE)}
    ours = replace(project, config=project.config.with_name("mdns.yaml"))
    replicas = {role.name: Replica(role, directory, ours, dapr, env) for role in SHARED}
    with ShopProcesses(directory, ours, dapr, env).running(), ExitStack() as stack:
        for each in replicas.values():
            stack.callback(each.stop)
            each.start()
        for each in replicas.values():
            each.wait()
        yield replicas


@pytest.mark.timeout(900)
def test_orders_of_killed_replicas_are_finished_by_the_others(
    replicas: Replicas, client: ShopClient, fault_table: FaultTable
) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        orders = list(pool.map(lambda _: _placed_and_approved(client), range(ORDERS)))
        for name, text in WORKS.items():
            eventually(lambda name=name, text=text: text in replicas[name].log_text(), seconds=60)
        statuses = list(pool.map(lambda order_id: client.record(order_id)["status"], orders))
    for each in replicas.values():
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
    # A busy role refuses the order, and the customer asks again.
    eventually(lambda: client.start(order)[0] == 200, seconds=120)
    eventually(lambda: client.decide(order_id, approved=True)[0] == 200, seconds=120)
    return order_id
