"""Told to stop, a role hands over what it is at; another takes it up where it stood."""

import time
from collections.abc import Iterator

import pytest
from shop_client import ShopClient, eventually, stages
from shop_processes import ShopProcesses
from told import runs, twice

from pizzashop.domain.lifecycle import HAPPY_PATH
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project
from pizzashop.roles import ROLES

EXIT_SECONDS = 10
IN_THE_MIDST = {
    "order": "cooking_making_dough",
    "storefront": "processing",
    "kitchen": "cooking_making_dough",
    "delivery": "delivery_on_the_way",
    "workflow": "cooking_making_dough",
}


@pytest.fixture(scope="module")
def separate(project: Project, dapr: Dapr, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopProcesses]:
    made = ShopProcesses(tmp_path_factory.mktemp("graceful"), project, dapr, {"PIZZASHOP_PACE": "0.3"})
    with made.running() as running:
        yield running


@pytest.mark.parametrize("role", [role.name for role in ROLES])
def test_a_role_told_to_stop_hands_over(separate: ShopProcesses, client: ShopClient, role: str) -> None:
    order_id = client.place_order()
    client.decide(order_id, approved=True)
    client.wait_for_status(order_id, IN_THE_MIDST[role])
    separate.terminate(role)
    eventually(lambda: not separate.is_running(role), seconds=EXIT_SECONDS)
    separate.start(role)
    assert stages(client.wait_for_status(order_id, "delivered", seconds=60)) == list(HAPPY_PATH)
    # Of one run each: whoever takes over may tell of the last stage again, in the name of the run that began it.
    assert twice(runs([order_id]), time.time()) == ([], [])
