"""The disk of the state directory is full: orders wait, `up` says why, and they go on when there is room."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from own_postgresql import embedded_postgresql
from shop_client import WORKFLOW, ShopClient, eventually, new_order
from small_disk import SmallDisk, small_disk
from up_process import OPEN, UpProcess

from pizzashop.dapr.http import Reply
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.processes import has_ended
from pizzashop.local.project import Project


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", megabytes=400, files=2000) as made:
        yield made


@pytest.fixture
def up(disk: SmallDisk, project: Project, dapr: Dapr) -> Iterator[UpProcess]:
    assert dapr, "Dapr is built before a test waits for it"
    process = UpProcess(project, disk.path / "state")
    yield process
    process.kill()


def start(client: ShopClient) -> Reply:
    return client.reply("POST", f"{WORKFLOW}/start-order", new_order("full"))


def test_orders_wait_until_there_is_room(up: UpProcess, disk: SmallDisk, client: ShopClient, store_name: str) -> None:
    if store_name == "postgresql":
        embedded_postgresql(disk.path / "state/postgresql")
    disk.fill()
    up.start("--store", store_name)
    assert up.end() == 1
    assert "No space left" in up.output
    assert "Traceback" not in up.output
    disk.clear()
    up.start("--store", store_name)
    up.read_until(OPEN)
    waiting = [client.place_order() for _ in range(3)]
    for order_id in waiting:
        client.wait_for_status(order_id, "pending_validation")
    disk.fill()
    refused = eventually(lambda: start(client), lambda reply: "its disk is full" in reply.body.decode())
    assert refused.status == 503
    up.read_until("is full: orders wait until there is room")
    # Without room the scheduler ends sooner or later, and `up` restarts it only when there is room.
    for each in up.descendants:
        if not has_ended(each) and "/scheduler" in " ".join(each.cmdline()):
            each.kill()
    assert client.record(waiting[0])["status"] == "pending_validation"
    disk.clear()
    up.read_until("scheduler had ended: started again")
    for order_id in waiting:
        eventually(lambda order_id=order_id: client.decide(order_id, approved=True)[0] == 200, seconds=60)
    for order_id in waiting:
        client.wait_for_status(order_id, "delivered", seconds=60)
    disk.fill()
    assert up.end(2) == 0
    assert "Traceback" not in up.output
