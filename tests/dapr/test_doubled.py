"""Two processes of a role share its work; one of each is killed in the midst of orders, and the others finish it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from doubled import Second
from separate import Separate
from shop_client import ShopClient, eventually, new_order, stages
from told import runs, twice

from pizzashop.domain.order import WAY
from pizzashop.local.dapr import Dapr
from pizzashop.local.project import Project
from pizzashop.roles import KITCHEN, ORDER, WORKFLOW

PACE = 0.5
ORDERS = 200
CLIENTS = 16

Doubled = dict[str, Second]


@pytest.fixture
def doubled(project: Project, dapr: Dapr, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doubled]:
    """A shop with two processes each of `workflow`, `kitchen` and `order`: the second of each."""
    directory, env = tmp_path_factory.mktemp("doubled"), {"PIZZASHOP_PACE": str(PACE)}
    seconds = {role.name: Second(role, directory, project, dapr, env) for role in (ORDER, KITCHEN, WORKFLOW)}
    with Separate(directory, project, dapr, env).running(), ExitStack() as stack:
        for each in seconds.values():
            stack.callback(each.stop)
            each.start()
        for each in seconds.values():
            each.wait()
        yield seconds


@pytest.mark.timeout(600)
def test_what_the_killed_ones_leave_the_others_finish(doubled: Doubled, client: ShopClient) -> None:
    def one(_: int) -> str:
        order = new_order("two")
        # Where they are behind they say so, and the customer asks again.
        eventually(lambda: client.start(order)[0] == 200, seconds=120)
        order_id: str = order["order_id"]
        eventually(lambda: client.decide(order_id, approved=True)[0] == 200, seconds=120)
        return order_id

    with ThreadPoolExecutor(CLIENTS) as pool:
        orders = list(pool.map(one, range(ORDERS)))
    for name, each in doubled.items():
        assert _has_worked(name, each), f"{name}: all the work went to the first process"
    for each in doubled.values():
        each.kill()
    at_kill = time.time()
    records = [client.until(order_id, "delivered", seconds=180) for order_id in orders]
    lost = [record["order_id"] for record in records if stages(record) != list(WAY)]
    over_again, _ = twice(runs(orders), at_kill)
    assert (lost, over_again) == ([], [])


def _has_worked(name: str, second: Second) -> bool:
    said = {"kitchen": "cooking_", "order": "validating", "workflow": "workflow worker ready"}[name]
    return said in second.text()
