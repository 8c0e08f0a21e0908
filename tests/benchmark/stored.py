"""What an order costs when many are stored, over an empty store."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from figures import Figure
from gauges import cpu_seconds
from load import CUSTOMER, Load
from speed import AT_ONCE, WARM
from stand import Stand

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


def stored(stand: Stand) -> Iterator[Figure]:
    """The CPU time of an order, everything taken together, before and after the store was filled."""
    with stand.shop(pace=0) as shop:
        Load(AT_ONCE).drive(WARM)
        empty = [_cost(stand, shop, "an empty store", run) for run in range(stand.runs)]
        stand.step(f"stored: writing {FINISHED} finished orders and {OPEN} open ones")
        _fill()
        Load(AT_ONCE).drive(WARM)
        full = [_cost(stand, shop, "a full store", run) for run in range(stand.runs)]
    over = [after / before for before, after in zip(sorted(empty), sorted(full), strict=True)]
    name = f"CPU of an order with {FINISHED:,} finished and {OPEN} open ones stored, over an empty store"
    yield Figure("stored", name, "", over, 1.10)
    yield Figure("stored", "CPU of an order, empty store", "ms", empty)
    yield Figure("stored", "CPU of an order, full store", "ms", full)


def _cost(stand: Stand, shop: Shop, where: str, run: int) -> float:
    stand.step(f"stored: {ORDERS} orders with {where}, run {run + 1}")
    before = sum(cpu_seconds(shop).values())
    Load(AT_ONCE).drive(ORDERS)
    return 1000 * (sum(cpu_seconds(shop).values()) - before) / ORDERS


def _fill() -> None:
    """Write records as role `order` would, through its sidecar: as many as fit in no other role's memory."""
    with HttpClient() as http, ThreadPoolExecutor(WRITERS) as pool:
        records = Repository(SidecarClient(http, ORDER.dapr_http_port))
        for how, ids in ((_finish, _ids("done", FINISHED)), (_wait, _ids("open", OPEN))):
            list(pool.map(lambda order_id, how=how: _write(records, order_id, how), ids))
        records.close(_ids("done", FINISHED))


def _write(records: Repository, order_id: str, how: Callable[[Record], None]) -> None:
    order = {"order_id": order_id, "pizza_type": "pepperoni", "size": "large", "customer": CUSTOMER}
    records.accept(order, with_workflow=True)
    records.change(order_id, how)


def _finish(record: Record) -> None:
    record.apply_stages([HistoryEntry(status=status, at=utc_timestamp()) for status in HAPPY_PATH[1:]])
    record.end("delivered", utc_timestamp(), None)


def _wait(record: Record) -> None:
    record.workflow_started = True
    record.apply_stages(
        [
            HistoryEntry(status=status, at=utc_timestamp())
            for status in HAPPY_PATH[1 : HAPPY_PATH.index(PENDING_VALIDATION) + 1]
        ]
    )


def _ids(start: str, count: int) -> list[str]:
    return [f"{start}-{number}" for number in range(count)]
