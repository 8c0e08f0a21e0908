"""The disk of the state directory is full: orders wait, the reason is said, and they go on when there is room."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from running_up import OPEN, Up
from shop_client import WORKFLOW, ShopClient, eventually, new_order

from pizzashop.http import Reply
from pizzashop.local import family
from pizzashop.local.dapr import Dapr
from pizzashop.local.project import Project


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small one of its own."""
    directory = tmp_path / "disk"
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=320m", "tmpfs", str(directory)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk that can be filled")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


@pytest.fixture
def up(disk: Path, project: Project, dapr: Dapr) -> Iterator[Up]:
    assert dapr, "built before a test waits for it"
    made = Up(project, disk / "state")
    yield made
    made.kill()


def fill(disk: Path) -> Path:
    """Write until there is no room; answers what to remove."""
    path = disk / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (1024**2, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return path


def start(client: ShopClient) -> Reply:
    return client.reply("POST", f"{WORKFLOW}/start-order", new_order("full"))


def test_orders_wait_until_there_is_room(up: Up, disk: Path, client: ShopClient) -> None:
    filler = fill(disk)
    up.start()
    assert up.end() == 1
    assert "is full: make room" in up.said
    assert "Traceback" not in up.said
    filler.unlink()
    up.start()
    up.until(OPEN)
    waiting = [client.placed() for _ in range(3)]
    for order_id in waiting:
        client.until(order_id, "pending_validation")
    filler = fill(disk)
    refused = eventually(lambda: start(client), lambda reply: reply.status != 200)
    assert (refused.status, "its disk is full" in refused.body.decode()) == (503, True)
    up.until("is full: orders wait until there is room")
    # For lack of room it ends, sooner or later, and it is not started again before there is some.
    for each in up.everyone:
        if not family.gone(each) and "/scheduler" in " ".join(each.cmdline()):
            each.kill()
    assert client.record(waiting[0])["status"] == "pending_validation"
    filler.unlink()
    up.until("scheduler had ended: started again")
    for order_id in waiting:
        eventually(lambda order_id=order_id: client.decide(order_id, approved=True)[0] == 200, seconds=60)
    for order_id in waiting:
        client.until(order_id, "delivered", seconds=60)
    filler = fill(disk)
    assert up.end(2) == 0
    assert "Traceback" not in up.said
