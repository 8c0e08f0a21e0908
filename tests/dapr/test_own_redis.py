"""A Redis of the user, with a password and another port: `doctor` and `up` report its faults, and orders wait."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from own_valkey import client as store_client
from own_valkey import own_valkey
from shop_client import PIZZASHOP, WORKFLOW, ShopClient, new_order
from up_process import OPEN, UpProcess

from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project

PASSWORD = "s3cret of ours"


@pytest.fixture
def copied(project: Project, tmp_path: Path) -> Path:
    """A copy of the project that a test may change."""
    root = tmp_path / "project"
    shutil.copytree(project.resources, root / "resources")
    shutil.copy(project.run_file, root)
    return root


@pytest.fixture
def up(copied: Path, dapr: Dapr, tmp_path: Path) -> Iterator[UpProcess]:
    assert dapr, "Dapr is built before a test waits for it"
    process = UpProcess(Project.read(copied / "dapr.yaml"), tmp_path / "state")
    yield process
    process.kill()


def name_server(root: Path, port: int, password: str) -> None:
    """Let both components name the server: one contains the password, the other reads it from the environment."""
    for name, login in (("statestore", f"value: {password!r}"), ("pubsub", "envRef: OUR_REDIS_PASSWORD")):
        path = root / f"resources/{name}.yaml"
        text = path.read_text().replace("localhost:6379", f"localhost:{port}")
        path.write_text(text.replace('value: ""', login))


def doctor(up: UpProcess) -> str:
    return subprocess.run([PIZZASHOP, "doctor"], env=up.env, cwd=up.cwd, capture_output=True, text=True).stdout


@pytest.mark.timeout(300)
def test_orders_wait_while_it_is_out_of_memory(up: UpProcess, copied: Path, client: ShopClient, tmp_path: Path) -> None:
    with own_valkey(tmp_path / "own", requirepass=PASSWORD, appendonly="yes") as port:
        name_server(copied, port, "another")
        up.env["OUR_REDIS_PASSWORD"] = PASSWORD
        assert "it refuses the password of pizzastatestore" in doctor(up)
        up.start()
        assert up.end() == 1
        assert "it refuses the password of pizzastatestore" in up.output
        assert "set redisPassword" in up.output
        path = copied / "resources/statestore.yaml"
        path.write_text(path.read_text().replace("another", PASSWORD))
        assert "The shop can open" in doctor(up)
        up.start()
        up.read_until(OPEN)
        assert f"already running, port {port}, every write appended to a file" in up.output
        assert not (up.state_dir / "valkey/appendonlydir").exists()
        waiting = client.place_order()
        client.wait_for_status(waiting, "pending_validation")
        with store_client(port, password=PASSWORD) as store:
            store.config_set("maxmemory", 1)
            for path, content in (
                ("/start-order", new_order("x")),
                ("/validate-pizza", {"order_id": waiting, "approved": True}),
            ):
                reply = client.reply("POST", WORKFLOW + path, content)
                assert (reply.status, "it is out of memory" in reply.body.decode()) == (503, True)
                assert "retry-after" in reply.headers
            up.read_until("is out of memory and takes no writes. Orders wait")
            store.config_set("maxmemory", 0)
            up.read_until("takes writes again: orders go on")
        client.decide(waiting, approved=True)
        # Without memory Redis may have kept half of a workflow's last write: then it takes a minute until its restart.
        client.wait_for_status(waiting, "delivered", seconds=150)
        assert up.end(2) == 0
