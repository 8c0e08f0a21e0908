"""Orders of a newer version of the workflow meet older code: they wait, and go on when the newer is back."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from shop_client import ShopClient, eventually, stages
from shop_processes import ShopProcesses

from pizzashop.domain.lifecycle import HAPPY_PATH
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project

NEWER = sys.executable, str(Path(__file__).with_name("newer_release.py"))


@pytest.fixture
def separate(project: Project, dapr: Dapr, tmp_path: Path) -> Iterator[ShopProcesses]:
    with ShopProcesses(tmp_path, project, dapr, {"PIZZASHOP_PACE": "0"}).running() as running:
        yield running


def test_orders_wait_for_the_code_that_knows_them(separate: ShopProcesses, client: ShopClient) -> None:
    _restart(separate, *NEWER)
    approved, cancelled, paused = (client.place_order(name) for name in ("approved", "cancelled", "paused"))
    for order_id in (approved, cancelled, paused):
        client.wait_for_status(order_id, "pending_validation")
    assert client.command("pause", paused)[0] == 200
    _restart(separate)
    for order_id in (approved, cancelled):
        assert client.decide(order_id, approved=True)[0] == 200
        eventually(lambda order_id=order_id: client.workflow_status(order_id), "STALLED".__eq__)
    for word, order_id in (("pause", approved), ("resume", paused)):
        status, answer = client.command(word, order_id)
        assert (status, "engine" in answer["detail"] or "version" in answer["detail"]) == (503, True), answer
    assert client.command("cancel", cancelled)[0] == 200, "an order can be cancelled whatever the engine makes of it"
    assert (client.record(cancelled)["status"], client.workflow_status(cancelled)) == ("cancelled", "TERMINATED")
    assert client.record(approved)["status"] == "pending_validation"
    _older_ones_go_on(client)
    _restart(separate, *NEWER)
    assert stages(client.wait_for_status(approved, "delivered")) == list(HAPPY_PATH)
    for order_id, runtime_status in ((approved, "COMPLETED"), (cancelled, "TERMINATED"), (paused, "SUSPENDED")):
        eventually(lambda order_id=order_id: client.workflow_status(order_id), runtime_status.__eq__, seconds=40)
    assert client.record(cancelled)["status"] == "cancelled"
    assert client.record(paused)["paused"]
    eventually(lambda: client.command("resume", paused)[0] == 200)
    client.decide(paused, approved=True)
    assert stages(client.wait_for_status(paused, "delivered")) == list(HAPPY_PATH)


def _older_ones_go_on(client: ShopClient) -> None:
    older = client.place_order("older")
    assert client.decide(older, approved=True)[0] == 200
    client.wait_for_status(older, "delivered")


def _restart(separate: ShopProcesses, *program: str) -> None:
    separate.kill("workflow")
    separate.replace_program("workflow", *program)
    separate.start("workflow")
