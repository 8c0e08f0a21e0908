"""A Redis with a replica and Sentinel: its primary dies in the midst of orders, and the replica takes over."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from own_sentinel import PRIMARY, ReplicatedValkey
from shop_client import PIZZASHOP, ShopClient, eventually, stages
from up_process import OPEN, UpProcess

from pizzashop.domain.lifecycle import HAPPY_PATH
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project

ORDERS = 12
LAG_SECONDS = 2

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[ReplicatedValkey]:
    limits = {"min_replicas_to_write": "1", "min_replicas_max_lag": str(LAG_SECONDS)}
    with ReplicatedValkey(tmp_path / "valkey", **limits).running() as running:
        yield running


@pytest.fixture
def up(servers: ReplicatedValkey, project: Project, dapr: Dapr, tmp_path: Path) -> Iterator[UpProcess]:
    """`pizzashop up` of a project whose components name the sentinels."""
    assert dapr, "Dapr is built before a test waits for it"
    root = tmp_path / "project"
    shutil.copytree(project.resources, root / "resources")
    shutil.copy(project.run_file, root)
    sentinel = f'    - name: failover\n      value: "true"\n    - name: sentinelMasterName\n      value: {PRIMARY}\n'
    for path in (root / "resources/statestore.yaml", root / "resources/pubsub.yaml"):
        text = path.read_text().replace("localhost:6379", servers.sentinel_addresses)
        path.write_text(re.sub(r"^scopes:", f"{sentinel}scopes:", text, flags=re.MULTILINE))
    process = UpProcess(Project.read(root / "dapr.yaml"), tmp_path / "state")
    yield process
    process.kill()


def test_orders_go_on_when_the_primary_has_died(up: UpProcess, servers: ReplicatedValkey, client: ShopClient) -> None:
    doctor = subprocess.run([PIZZASHOP, "doctor"], env=up.env, cwd=up.cwd, capture_output=True, text=True, check=False)
    assert f"runs, Sentinel's {PRIMARY} (" in doctor.stdout
    assert "The shop can open" in doctor.stdout
    up.start()
    up.read_until(OPEN)
    assert not (up.state_dir / "valkey/appendonlydir").exists()
    placed = [client.place_order("failover") for _ in range(ORDERS)]
    for order_id in placed[::2]:
        client.decide(order_id, approved=True)
    eventually(lambda: len(client.record(placed[-1])["history"]) > 1)
    servers.wait_until_replicated()
    servers.kill(servers.primary)
    eventually(servers.present_primary, servers.replica.__eq__, seconds=30)
    # Without a replica of its own the new primary takes no writes.
    servers.ask(servers.replica, "CONFIG", "SET", "min-replicas-to-write", 0)
    for order_id in placed:
        eventually(lambda order_id=order_id: client.decide(order_id, approved=True)[0] == 200, seconds=90)
    for order_id in placed:
        assert stages(client.wait_for_status(order_id, "delivered", seconds=150)) == list(HAPPY_PATH)
    client.decide(later := client.place_order("later"), approved=True)
    client.wait_for_status(later, "delivered", seconds=60)
    assert up.end(2) == 0
