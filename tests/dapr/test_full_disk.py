"""The disk of the state directory is full: orders wait, the reason is said, and they go on when there is room."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from running_up import OPEN, Up
from shop_client import WORKFLOW, ShopClient, eventually, new_order
from small_disk import SmallDisk, small_disk

from pizzashop.dapr.http import Reply
from pizzashop.local import processes
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", megabytes=320) as made:
        yield made


@pytest.fixture
def up(disk: SmallDisk, project: Project, dapr: Dapr) -> Iterator[Up]:
    assert dapr, "built before a test waits for it"
    made = Up(project, disk.path / "state")
    yield made
    made.kill()


def start(client: ShopClient) -> Reply:
    return client.reply("POST", f"{WORKFLOW}/start-order", new_order("full"))


def test_orders_wait_until_there_is_room(up: Up, disk: SmallDisk, client: ShopClient) -> None:
    disk.fill()
    up.start()
    assert up.end() == 1
    assert "No space left" in up.said
    assert "Traceback" not in up.said
    disk.clear()
    up.start()
    up.until(OPEN)
    waiting = [client.placed() for _ in range(3)]
    for order_id in waiting:
        client.until(order_id, "pending_validation")
    disk.fill()
    refused = eventually(lambda: start(client), lambda reply: "its disk is full" in reply.body.decode())
    assert refused.status == 503
    up.until("is full: orders wait until there is room")
    # For lack of room it ends, sooner or later, and it is not started again before there is some.
    for each in up.everyone:
        if not processes.has_ended(each) and "/scheduler" in " ".join(each.cmdline()):
            each.kill()
    assert client.record(waiting[0])["status"] == "pending_validation"
    disk.clear()
    up.until("scheduler had ended: started again")
    for order_id in waiting:
        eventually(lambda order_id=order_id: client.decide(order_id, approved=True)[0] == 200, seconds=60)
    for order_id in waiting:
        client.until(order_id, "delivered", seconds=60)
    disk.fill()
    assert up.end(2) == 0
    assert "Traceback" not in up.said
