"""A machine is cut off in the midst of orders, and then another dies: none is lost, nothing is done twice.

Each time it is the machine whose placement leads. `make test-machines` runs this file, as root on Linux.
"""

import shutil
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from statistics import median

import pytest
from go_programs import sentry
from machines import Machine, Machines
from network_namespaces import reason_without_namespaces
from shop_client import FaultTable, eventually, new_order, stages
from told import runs, twice

from pizzashop.domain.lifecycle import FINAL, HAPPY_PATH
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.ports import is_listening
from pizzashop.roles import ORDER, WORKFLOW

PACE = 0.2
# A customer comes every second: before something happens to a machine, while it is away, and afterwards.
BEFORE, CUT_OFF, AFTER = 15, 40, 5
# No order takes longer, whatever happens to one machine.
MAX_SECONDS = 180.0


@pytest.fixture(scope="module", params=["mdns", "consul"])
def machines(
    dapr: Dapr, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Machines]:
    """The machines, whose sidecars find each other by mDNS, or by Consul where `consul` is on the PATH."""
    if reason := reason_without_namespaces():
        pytest.skip(reason)
    if not sentry().exists():
        pytest.skip("there is no Sentry yet: `make sentry` builds it")
    if request.param == "consul" and shutil.which("consul") is None:
        pytest.skip("there is no `consul` on the PATH")
    with Machines(tmp_path_factory.mktemp("machines"), dapr, PACE, request.param).running() as three:
        yield three


class Orders:
    """Orders that customers place and the manager approves, each in a thread of its own."""

    def __init__(self, machines: Machines, pool: ThreadPoolExecutor) -> None:
        self._machines, self._pool = machines, pool
        self._seconds: dict[str, Future[float]] = {}

    @property
    def ids(self) -> list[str]:
        return list(self._seconds)

    def place(self, count: int) -> None:
        """Place these orders, one every second."""
        for _ in range(count):
            order = new_order("machine")
            self._seconds[order["order_id"]] = self._pool.submit(self._follow, order)
            time.sleep(1)

    def count_in_flight(self) -> int:
        return sum(self._status(order_id) not in (*FINAL, "") for order_id in self._seconds)

    def wait(self) -> list[float]:
        """Wait until all are delivered; return how many seconds each order took."""
        return [each.result() for each in self._seconds.values()]

    def _follow(self, order: dict[str, object]) -> float:
        begin, order_id = time.monotonic(), str(order["order_id"])
        decision = {"order_id": order_id, "approved": True}
        self._until(order_id, lambda: self._machines.call(WORKFLOW, "POST", "/start-order", order)[0] == 200)
        self._until(order_id, lambda: self._machines.call(WORKFLOW, "POST", "/validate-pizza", decision)[0] == 200)
        self._until(order_id, lambda: self._status(order_id) == "delivered")
        return time.monotonic() - begin

    def _until(self, order_id: str, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + MAX_SECONDS
        while not is_so():
            assert time.monotonic() < deadline, f"{order_id} remains {self._status(order_id)!r}"
            time.sleep(1)

    def _status(self, order_id: str) -> str:
        status, record = self._machines.call(ORDER, "GET", f"/order/{order_id}")
        return str(record["status"]) if status == 200 else ""


def judge(machines: Machines, orders: Orders, at: float) -> tuple[list[str], list[object]]:
    """Return the orders with a wrong history, and the stages that two runs began."""
    replies = [
        eventually(lambda each=order_id: machines.call(ORDER, "GET", f"/order/{each}"), lambda reply: reply[0] == 200)
        for order_id in orders.ids
    ]
    records = [record for _, record in replies]
    lost = [record["order_id"] for record in records if stages(record) != list(HAPPY_PATH)]
    over, under_way = twice(runs(orders.ids), at)
    return lost, [*over, *under_way]


def test_a_program_without_a_certificate_reaches_no_sidecar_of_another_machine(machines: Machines) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for machine in machines.machines:
        for role in machine.roles:
            address = machine.address, 3510 + role.port % 10
            eventually(lambda address=address: is_listening(address[1], address[0]), seconds=60)
            with (
                pytest.raises(ssl.SSLError, match="certificate required"),
                socket.create_connection(address) as plain,
                context.wrap_socket(plain) as connection,
            ):
                connection.recv(1)


@pytest.mark.timeout(1500)
def test_orders_survive_the_loss_of_a_machine(machines: Machines, loss_table: FaultTable) -> None:
    with ThreadPoolExecutor(64) as pool:

        def lose(title: str, happen: Callable[[Orders, Machine], None]) -> None:
            orders = Orders(machines, pool)
            orders.place(BEFORE)
            machine = machines.placement_leader()
            in_flight, at = orders.count_in_flight(), time.time()
            happen(orders, machine)
            orders.place(AFTER)
            seconds = orders.wait()
            all_after = time.time() - at
            lost, doubled = judge(machines, orders, at)
            times = (round(each) for each in (median(seconds), max(seconds), all_after))
            loss_table((machines.names, title, len(seconds), in_flight, len(lost), len(doubled), *times))
            assert (lost, doubled) == ([], [])

        def cut_off(orders: Orders, machine: Machine) -> None:
            machine.host.cut_off()
            orders.place(CUT_OFF)
            machine.host.reconnect()

        lose("all there", lambda _orders, _machine: None)
        lose(f"cut off for {CUT_OFF} s", cut_off)
        lose("killed", lambda _orders, machine: machines.kill(machine))
