"""Row `burst`: many orders at once at pace 1, and how long it takes until all records read `delivered`."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator

from figures import Figure
from load import approval, new_order, open_session, post, read_status, wait_for_events
from testbed import TestBed

ORDERS = 200
# No order can be delivered earlier, so the load does not read any before.
MIN_SECONDS = 30.0
READS_AT_ONCE = 8


def burst(testbed: TestBed) -> Iterator[Figure]:
    """Measure the seconds until 200 orders at once are delivered."""
    seconds = []
    with testbed.shop(pace=1):
        for run in range(testbed.runs):
            testbed.report(f"burst: {ORDERS} orders at once at pace 1, run {run + 1}")
            seconds.append(asyncio.run(_place_all_at_once()))
    yield Figure("burst", "200 orders at once, pace 1, until all read delivered", "s", seconds, 36, workshop="1,045 s")


async def _place_all_at_once() -> float:
    answers: Counter[int] = Counter()
    async with open_session() as client:

        async def place(order: dict[str, object]) -> object:
            await post(client, "/start-order", order, answers)
            await post(client, "/validate-pizza", approval(order), answers)
            return order["order_id"]

        async def wait_until_delivered(order_id: object) -> None:
            async with semaphore:
                while await read_status(client, order_id) != "delivered":
                    await asyncio.sleep(0.1)

        began = time.perf_counter()
        order_ids = await asyncio.gather(*(place(new_order()) for _ in range(ORDERS)))
        await asyncio.sleep(began + MIN_SECONDS - time.perf_counter())
        semaphore = asyncio.Semaphore(READS_AT_ONCE)
        await asyncio.gather(*(wait_until_delivered(order_id) for order_id in order_ids))
        await wait_for_events()
    return time.perf_counter() - began
