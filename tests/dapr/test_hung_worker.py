"""The worker of a role hangs: gunicorn's arbiter replaces it, and the orders in flight go on."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from shop_client import ShopClient, eventually, stages
from shop_processes import ShopProcesses
from told import runs, twice

from pizzashop.domain.lifecycle import HAPPY_PATH
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project
from pizzashop.roles import ROLES

SHORT_TIMEOUT = sys.executable, str(Path(__file__).parents[1] / "short_worker_timeout.py")


@pytest.fixture(scope="module")
def separate(project: Project, dapr: Dapr, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopProcesses]:
    made = ShopProcesses(tmp_path_factory.mktemp("hung"), project, dapr, {"PIZZASHOP_PACE": "0.3"})
    for role in ROLES:
        made.replace_program(role.name, *SHORT_TIMEOUT)
    with made.running() as running:
        yield running


@pytest.mark.parametrize("role", ["order", "kitchen", "workflow"])
def test_a_worker_that_hangs_is_replaced_and_its_order_is_delivered(
    separate: ShopProcesses, client: ShopClient, role: str
) -> None:
    order_id = client.place_order()
    client.decide(order_id, approved=True)
    client.wait_for_status(order_id, "cooking_making_dough")
    hung, hung_at = separate.worker(role), time.time()
    hung.suspend()
    # Once the arbiter has waited for the killed process, all connections of that are closed.
    eventually(lambda: not hung.is_running())
    assert stages(client.wait_for_status(order_id, "delivered", seconds=60)) == list(HAPPY_PATH)
    assert separate.is_running(role)
    assert twice(runs([order_id]), hung_at) == ([], [])
