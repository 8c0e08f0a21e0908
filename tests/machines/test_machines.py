"""A machine is cut off in the midst of orders, and then another dies: none is lost, nothing is done twice.

Each time it is the machine on which the leading placement is. `make test-machines` runs this file, as root on Linux.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from go_programs import sentry
from machines import ROOT, Machines
from network_namespaces import reason_without_namespaces
from shop_client import eventually, new_order, stages
from told import runs, twice

from pizzashop.domain.lifecycle import FINAL, HAPPY_PATH
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.roles import ORDER, WORKFLOW

PACE = 0.2
# Orders are placed one after another, this many seconds apart.
GAP = 1.0
ORDERS_BEFORE, ORDERS_AFTER = 15, 5
CUT_SECONDS = 40.0
# An order takes at most this long, whatever happens to one machine.
MAX_SECONDS = 180.0
COLUMNS = ("event                             ", "orders", "in flight", "lost", "twice", "median s", "slowest s", "all s")


@pytest.fixture(scope="module")
def machines(dapr: Dapr, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    if reason := reason_without_namespaces():
        pytest.skip(reason)
    if not sentry().exists():
        pytest.skip("there is no Sentry yet: `make sentry` builds it")
    config = ROOT / "resources" / "config" / "mdns.yaml"
    directory = tmp_path_factory.mktemp("machines")
    with Machines(directory, dapr, {"PIZZASHOP_PACE": str(PACE)}, config).running() as all_of_them:
        yield all_of_them


class Orders:
    """Orders that customers place and the manager approves, each in a thread of its own."""

    def __init__(self, machines: Machines, pool: ThreadPoolExecutor) -> None:
        self._machines, self._pool = machines, pool
        self._seconds: dict[str, Future[float]] = {}

    def place(self, count: int) -> None:
        """Place these orders, one after another."""
        for _ in range(count):
            order = new_order("machine")
            self._seconds[order["order_id"]] = self._pool.submit(self._follow, order)
            time.sleep(GAP)

    def place_for(self, seconds: float) -> None:
        """Place orders for so long."""
        self.place(int(seconds / GAP))

    def in_flight(self) -> int:
        return sum(self._status(order_id) not in (*FINAL, "") for order_id in self._seconds)

    def wait(self) -> list[float]:
        """Return how long each order took from its first request until it was delivered."""
        return [each.result() for each in self._seconds.values()]

    @property
    def ids(self) -> list[str]:
        return list(self._seconds)

    def _follow(self, order: dict[str, object]) -> float:
        begin, order_id = time.monotonic(), str(order["order_id"])
        self._until(lambda: self._machines.call(WORKFLOW, "POST", "/start-order", order)[0] == 200, "started", order_id)
        decision = {"order_id": order_id, "approved": True}
        self._until(
            lambda: self._machines.call(WORKFLOW, "POST", "/validate-pizza", decision)[0] == 200, "approved", order_id
        )
        self._until(lambda: self._status(order_id) == "delivered", "delivered", order_id)
        return time.monotonic() - begin

    def _until(self, is_so, word: str, order_id: str) -> None:
        deadline = time.monotonic() + MAX_SECONDS
        while not is_so():
            assert time.monotonic() < deadline, f"{order_id} is not {word}, but {self._status(order_id)}"
            time.sleep(0.5)

    def _status(self, order_id: str) -> str:
        status, record = self._machines.call(ORDER, "GET", f"/order/{order_id}")
        return str(record["status"]) if status == 200 else ""


@pytest.mark.timeout(1500)
def test_orders_survive_the_loss_of_a_machine(machines: Machines, capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[tuple[object, ...]] = []
    with ThreadPoolExecutor(64) as pool:
        warm = Orders(machines, pool)
        warm.place(2)
        warm.wait()
        for event in ("none", "cut off for 40 s", "killed"):
            orders = Orders(machines, pool)
            orders.place(ORDERS_BEFORE)
            machine = machines.placement_leader()
            in_flight, at = orders.in_flight(), time.time()
            if event == "killed":
                machines.kill(machine)
            elif event != "none":
                machine.host.cut_off()
                orders.place_for(CUT_SECONDS)
                machine.host.reconnect()
            orders.place(ORDERS_AFTER)
            seconds = sorted(orders.wait())
            all_after = time.time() - at
            lost, doubled = judge(machines, orders, at)
            name = event if event == "none" else f"machine {machine.number} {event}"
            rows.append((name, len(seconds), in_flight, len(lost), len(doubled), *map(round, (seconds[len(seconds) // 2], seconds[-1], all_after))))
            with capsys.disabled():
                print("\n" + "   ".join(f"{c!s:<{len(h)}}" for h, c in zip(COLUMNS, rows[-1], strict=True)))
            assert (lost, doubled) == ([], [])


def judge(machines: Machines, orders: Orders, at: float) -> tuple[list[str], list[object]]:
    """Return the orders with a wrong history, and the stages that two runs began."""
    records = [machines.call(ORDER, "GET", f"/order/{order_id}")[1] for order_id in orders.ids]
    lost = [record["order_id"] for record in records if stages(record) != list(HAPPY_PATH)]
    over, under_way = twice(runs(orders.ids), at)
    return lost, [*over, *under_way]
