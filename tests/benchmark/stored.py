"""Row `stored`: the CPU time of an order when many orders are stored, over that with an empty store."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from figures import Figure
from load import CUSTOMER, Load
from speed import AT_ONCE, WARM_UP_ORDERS
from testbed import TestBed
from usage import cpu_seconds

from pizzashop.dapr.client import SidecarClient
from pizzashop.dapr.http import HttpClient
from pizzashop.domain.history import HistoryEntry, utc_timestamp
from pizzashop.domain.lifecycle import HAPPY_PATH, PENDING_VALIDATION
from pizzashop.domain.record import Record
from pizzashop.local.shop import Shop
from pizzashop.order.repository import Repository
from pizzashop.roles import ORDER

FINISHED, OPEN = 10_000, 500
ORDERS = 200
WRITERS = 16


def stored(testbed: TestBed) -> Iterator[Figure]:
    """Measure the CPU time of an order in all processes, before and after the store is filled."""
    with testbed.shop(pace=0) as shop:
        Load(AT_ONCE).drive(WARM_UP_ORDERS)
        empty = [_cost(testbed, shop, "an empty store", run) for run in range(testbed.runs)]
        testbed.report(f"stored: writing {FINISHED} finished orders and {OPEN} open ones")
        _fill()
        Load(AT_ONCE).drive(WARM_UP_ORDERS)
        full = [_cost(testbed, shop, "a full store", run) for run in range(testbed.runs)]
    ratios = [after / before for before, after in zip(sorted(empty), sorted(full), strict=True)]
    name = f"CPU of an order with {FINISHED:,} finished and {OPEN} open ones stored, over an empty store"
    yield Figure("stored", name, "", ratios, 1.10)
    yield Figure("stored", "CPU of an order, empty store", "ms", empty)
    yield Figure("stored", "CPU of an order, full store", "ms", full)


def _cost(testbed: TestBed, shop: Shop, where: str, run: int) -> float:
    testbed.report(f"stored: {ORDERS} orders with {where}, run {run + 1}")
    before = sum(cpu_seconds(shop).values())
    Load(AT_ONCE).drive(ORDERS)
    return 1000 * (sum(cpu_seconds(shop).values()) - before) / ORDERS


def _fill() -> None:
    """Write records as role `order` does, through its sidecar: more than a role keeps in memory."""
    with HttpClient() as http, ThreadPoolExecutor(WRITERS) as pool:
        records = Repository(SidecarClient(http, ORDER.dapr_http_port))
        for change, ids in ((_finish, _ids("done", FINISHED)), (_wait, _ids("open", OPEN))):
            list(pool.map(lambda order_id, change=change: _write(records, order_id, change), ids))
        records.remove_from_open(_ids("done", FINISHED))


def _write(records: Repository, order_id: str, change: Callable[[Record], None]) -> None:
    order = {"order_id": order_id, "pizza_type": "pepperoni", "size": "large", "customer": CUSTOMER}
    records.accept(order, with_workflow=True)
    records.change(order_id, change)


def _finish(record: Record) -> None:
    record.apply_stages([HistoryEntry(status=status, at=utc_timestamp()) for status in HAPPY_PATH[1:]])
    record.end("delivered", utc_timestamp(), None)


def _wait(record: Record) -> None:
    record.workflow_started = True
    statuses = HAPPY_PATH[1 : HAPPY_PATH.index(PENDING_VALIDATION) + 1]
    record.apply_stages([HistoryEntry(status=status, at=utc_timestamp()) for status in statuses])


def _ids(prefix: str, count: int) -> list[str]:
    return [f"{prefix}-{number}" for number in range(count)]
