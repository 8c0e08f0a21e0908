"""A newer release replaces an older one while orders are in flight, and the other way round."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from newer_release import RELEASE
from shop_client import ShopClient, eventually, stages
from shop_processes import ShopProcesses
from told import runs

from pizzashop.domain.lifecycle import HAPPY_PATH
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project

NEWER = sys.executable, str(Path(__file__).with_name("newer_release.py"))


@pytest.fixture
def separate(project: Project, dapr: Dapr, tmp_path: Path) -> Iterator[ShopProcesses]:
    with ShopProcesses(tmp_path, project, dapr, {"PIZZASHOP_PACE": "0"}).running() as running:
        yield running


# The order in which docs/how-to/change-the-workflow.md has the roles replaced: each after those that it calls.
UPGRADE = ("order", "storefront", "kitchen", "delivery", "workflow")


def test_a_shop_is_upgraded_role_by_role_while_orders_are_in_flight(
    project: Project, dapr: Dapr, tmp_path: Path, client: ShopClient
) -> None:
    with ShopProcesses(tmp_path, project, dapr, {"PIZZASHOP_PACE": "0.1"}).running() as running:
        placed = []
        for role in UPGRADE:
            placed += [client.place_order("upgrade") for _ in range(4)]
            for order_id in placed[-4::2]:
                client.decide(order_id, approved=True)
            eventually(lambda order_id=placed[-1]: client.record(order_id)["status"] != "accepted")
            _replace(running, role)
        placed.append(client.place_order("upgraded"))
        for order_id in placed:
            eventually(lambda order_id=order_id: client.decide(order_id, approved=True)[0] == 200, seconds=60)
        for order_id in placed:
            assert stages(client.wait_for_status(order_id, "delivered", seconds=90)) == list(HAPPY_PATH)
        events = [event for stages_of in runs(placed).values() for each in stages_of.values() for event in each]
        twice = {key for key, count in Counter(_stage(event) for event in events).items() if count > 1}
        assert twice == set()
        # The upgrade took place in the midst of the orders: some stages are of each release.
        assert {event.get("release") for event in events} == {None, RELEASE}


def _stage(event: dict[str, Any]) -> tuple[str, int, str]:
    return event["order_id"], event["attempt"], event["status"]


def _replace(running: ShopProcesses, role: str) -> None:
    running.terminate(role)
    eventually(lambda: not running.is_running(role))
    running.replace_program(role, *NEWER)
    running.start(role)


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
