"""Back up and restore by docs/how-to/back-up.md: the whole state directory, or store and scheduler of different times.

The orders come before all tests. "Yesterday" the shop is closed with orders in flight, and its directory is copied.
"Today" it is open again: orders end, and a new one is placed. Then it is closed, again with orders in flight.
"""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from run_files import write_run_file
from shop_client import ShopClient, eventually, new_order, stages
from told import runs, twice
from up_process import OPEN, UpProcess

from pizzashop.domain.lifecycle import FINAL, HAPPY_PATH
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project
from pizzashop.local.repairs import LOST_TIMERS
from pizzashop.roles import WORKFLOW

SHORT_TIMEOUTS = sys.executable, str(Path(__file__).with_name("short_timeouts.py"))
# At this pace a pizza is in the kitchen for four seconds: long enough to close the shop meanwhile.
PACE = "0.3"

Record = dict[str, Any]
OpenUp = Callable[..., UpProcess]


class Closing(NamedTuple):
    """A state directory after the shop was closed, and the orders by name as they read just before."""

    state_dir: Path
    records: dict[str, Record]


class Orders:
    """The orders by name, and the shop at its two closings."""

    yesterday: Closing
    today: Closing

    def __init__(self, client: ShopClient) -> None:
        self._client = client
        self.contents: dict[str, dict[str, Any]] = {}

    def __getitem__(self, name: str) -> str:
        return str(self.contents[name]["order_id"])

    def place(self, *names: str) -> None:
        """Place a new order for each name."""
        for name in names:
            self.contents.setdefault(name, new_order(name))
            assert self._client.start(self.contents[name])[0] == 200

    def approve(self, *names: str) -> None:
        """Approve each order. While the engine loads its workflow, the answer may be 503."""
        for name in names:
            eventually(lambda name=name: self._client.decide(self[name], approved=True)[0] == 200)

    def wait(self, status: str, *names: str) -> None:
        """Wait until each order has the status."""
        for name in names:
            self._client.wait_for_status(self[name], status, seconds=60)

    def record(self, name: str) -> Record:
        """Return the order without its version, which a late event may increase; {} when there is none."""
        record = self._client.record(self[name])
        record.pop("version", None)
        return record


def copy(source: Path, target: Path) -> None:
    """Copy a directory as the guide does."""
    subprocess.run(["cp", "-a", source, target], check=True)


def close(up: UpProcess) -> None:
    """Close the shop as its user does."""
    assert up.end(signal.SIGINT) == 0


@pytest.fixture(scope="module")
def project_dir(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose role `workflow` counts an order as stuck after a few seconds."""
    directory = tmp_path_factory.mktemp("project")

    def change(apps: dict[str, dict[str, Any]]) -> None:
        apps[WORKFLOW.app_id]["command"][:1] = SHORT_TIMEOUTS

    write_run_file(project, directory, change)
    return directory


@pytest.fixture(scope="module")
def open_up(project: Project, project_dir: Path, dapr: Dapr) -> Iterator[OpenUp]:
    """Return a function that opens the shop with a state directory, `pizzashop up`."""
    assert dapr, "Dapr is built before a test waits for it"
    started: list[UpProcess] = []

    def opened(state_dir: Path, *options: str) -> UpProcess:
        up = UpProcess(project, state_dir)
        up.cwd = project_dir
        started.append(up)
        up.start(*options)
        up.read_until(OPEN)
        return up

    yield opened
    for up in started:
        up.kill()


@pytest.fixture(scope="module")
def orders(open_up: OpenUp, client: ShopClient, tmp_path_factory: pytest.TempPathFactory) -> Orders:
    state_dir, backup = (tmp_path_factory.mktemp("history") / name for name in ("state", "backup"))
    orders = Orders(client)

    up = open_up(state_dir, "--pace", PACE)
    orders.place("waiting", "delivered", "cancelled", "approved", "delivering")
    orders.approve("delivering")
    orders.wait("delivery_finding_driver", "delivering")
    orders.place("cooking", "paused")
    orders.wait("cooking_preparing_ingredients", "cooking", "paused")
    assert client.command("pause", orders["paused"])[0] == 200
    orders.yesterday = Closing(backup, {name: orders.record(name) for name in orders.contents})
    close(up)
    copy(state_dir, backup)

    up = open_up(state_dir, "--pace", PACE)
    orders.approve("delivered")
    assert client.command("cancel", orders["cancelled"])[0] == 200
    orders.wait("delivered", "delivered", "delivering")
    orders.wait("pending_validation", "cooking")
    orders.approve("cooking", "approved")
    orders.place("new")
    orders.wait("cooking_preparing_ingredients", "new")
    orders.today = Closing(state_dir, {name: orders.record(name) for name in orders.contents})
    close(up)
    return orders


def assert_as_recorded(record: Record, before: Record) -> None:
    """Assert that an order is as it was before the closing, or further if it was in flight."""
    may_go_on = before and before["status"] not in (*FINAL, "pending_validation")
    if may_go_on:
        assert record["history"][: len(before["history"])] == before["history"]
    else:
        assert record == before


@pytest.mark.parametrize(
    ("store", "scheduler"), [("yesterday", "yesterday"), ("yesterday", "today"), ("today", "yesterday")]
)
def test_every_order_of_a_restored_store_goes_on_to_its_end(
    open_up: OpenUp, client: ShopClient, orders: Orders, tmp_path: Path, store: str, scheduler: str
) -> None:
    restored, before = tmp_path / "state", getattr(orders, store).records
    copy(getattr(orders, scheduler).state_dir, restored)
    if store != scheduler:
        shutil.rmtree(restored / "valkey")
        copy(getattr(orders, store).state_dir / "valkey", restored / "valkey")
    opened_at = time.time()
    up = open_up(restored)
    assert (LOST_TIMERS in up.output) == (store != scheduler)
    for name in orders.contents:
        assert_as_recorded(orders.record(name), before.get(name, {}))

    # The orders in flight go on without a request: to their end if they are approved, otherwise to the manager.
    in_flight = [name for name, record in before.items() if record["status"] not in FINAL and not record["paused"]]
    approved = [name for name in in_flight if any(entry["status"] == "approved" for entry in before[name]["history"])]
    undecided = [name for name in in_flight if name not in approved]
    orders.wait("delivered", *approved)
    orders.wait("pending_validation", *undecided)
    # The others need a command, and an order that the store does not have can be placed again.
    eventually(lambda: client.command("resume", orders["paused"])[0] == 200)
    orders.wait("pending_validation", "paused")
    orders.place("new")
    orders.approve(*undecided, "paused", "new")
    ended = [name for name, record in before.items() if record["status"] in FINAL]
    delivered = [name for name in orders.contents if name not in ended]
    orders.wait("delivered", *delivered)
    for name in delivered:
        assert stages(orders.record(name)) == list(HAPPY_PATH)
        eventually(lambda name=name: client.workflow_status(orders[name]), "COMPLETED".__eq__)
    assert {name: orders.record(name) for name in ended} == {name: before[name] for name in ended}
    assert twice(runs([orders[name] for name in orders.contents]), opened_at) == ([], [])
    close(up)
