"""The scheduler loses all its data: every order still goes on, and each stage begins once."""

import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from shop_client import ShopClient, eventually, stages
from shop_processes import PROCESSES, ShopProcesses
from told import runs, twice

from pizzashop.domain.lifecycle import HAPPY_PATH
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project

SHORT_TIMEOUTS = sys.executable, str(Path(__file__).with_name("short_timeouts.py"))
PACE = 0.3
REMINDER_SECONDS = 8


@pytest.fixture
def separate(project: Project, dapr: Dapr, tmp_path: Path) -> Iterator[ShopProcesses]:
    env = {"PIZZASHOP_PACE": str(PACE), "PIZZASHOP_VALIDATION_REMINDER": str(REMINDER_SECONDS)}
    made = ShopProcesses(tmp_path, project, dapr, env)
    made.replace_program("workflow", *SHORT_TIMEOUTS)
    with made.running() as running:
        yield running


def test_orders_go_on_when_the_scheduler_has_lost_its_data(separate: ShopProcesses, client: ShopClient) -> None:
    waiting, remade = client.place_order("wait"), client.place_order("remade")
    for order_id in (waiting, remade):
        client.wait_for_status(order_id, "pending_validation")
    client.decide(remade, approved=False, remake=True, attempt=1)
    delivering = client.place_order("deliver")
    client.decide(delivering, approved=True)
    client.wait_for_status(delivering, "delivery_finding_driver")
    cooking, paused, cancelled = (client.place_order(name) for name in ("cook", "pause", "cancel"))
    for order_id in (cooking, paused, cancelled):
        client.wait_for_status(order_id, "cooking_preparing_ingredients")
    assert client.command("pause", paused)[0] == 200

    separate.kill(*PROCESSES)
    killed_at = time.time()
    shutil.rmtree(separate.state_dir / "scheduler")
    separate.start(*PROCESSES)

    assert eventually(lambda: client.command("cancel", cancelled)[0] == 200)
    assert eventually(lambda: client.command("resume", paused)[0] == 200)
    # From here on the orders go on without a further request.
    client.wait_for_status(remade, "pending_validation", attempt=2, seconds=60)
    assert stages(client.wait_for_status(delivering, "delivered", seconds=60)) == list(HAPPY_PATH)
    client.wait_for_status(cooking, "pending_validation", seconds=60)
    eventually(lambda: client.record(waiting), lambda record: record.get("overdue"), seconds=60)
    for order_id in (waiting, cooking, paused):
        eventually(lambda order_id=order_id: client.decide(order_id, approved=True)[0] == 200)
        assert stages(client.wait_for_status(order_id, "delivered", seconds=60)) == list(HAPPY_PATH)
    client.decide(remade, approved=True, attempt=2)
    client.wait_for_status(remade, "delivered", attempt=2, seconds=60)
    assert client.record(cancelled)["status"] == "cancelled"
    orders = [waiting, remade, delivering, cooking, paused, cancelled]
    over_again, in_flight_again = twice(runs(orders), killed_at)
    assert (over_again, in_flight_again) == ([], [])
    for order_id in orders[:-1]:
        eventually(lambda order_id=order_id: client.workflow_status(order_id), "COMPLETED".__eq__)
