"""Many orders at once at the shop's real pace: how long until all records read `delivered`."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator

from figures import Figure
from load import approval, new_order, post, read_status, session, until_taken_in
from stand import Stand

ORDERS = 200
LEAST_SECONDS = 30.0
"""No order can be delivered sooner: so none is asked for before."""
ASKED_AT_ONCE = 8


def burst(stand: Stand) -> Iterator[Figure]:
    """200 orders at once at pace 1."""
    took = []
    with stand.shop(pace=1) as _:
        for run in range(stand.runs):
            stand.step(f"burst: {ORDERS} orders at once at pace 1, run {run + 1}")
            took.append(asyncio.run(_all_at_once()))
    yield Figure("burst", "200 orders at once, pace 1, until all read delivered", "s", took, 36, workshop="1,045 s")


async def _all_at_once() -> float:
    answers: Counter[int] = Counter()
    async with session() as client:

        async def place(order: dict[str, object]) -> object:
            await post(client, "/start-order", order, answers)
            await post(client, "/validate-pizza", approval(order), answers)
            return order["order_id"]

        async def look(order_id: object) -> None:
            async with gate:
                while await read_status(client, order_id) != "delivered":
                    await asyncio.sleep(0.1)

        began = time.perf_counter()
        placed = await asyncio.gather(*(place(new_order()) for _ in range(ORDERS)))
        await asyncio.sleep(began + LEAST_SECONDS - time.perf_counter())
        gate = asyncio.Semaphore(ASKED_AT_ONCE)
        await asyncio.gather(*(look(each) for each in placed))
        await until_taken_in()
    return time.perf_counter() - began
