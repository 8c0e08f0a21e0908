"""Ten times what the shop can do, for a minute: does it answer, does it stay small, does it recover?"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from statistics import median

from aiohttp import ClientError, ClientSession
from figures import Figure
from gauges import proportional
from load import WORKFLOW, Load, approval, new_order, post, read_status, session
from speed import AT_ONCE, POLL_SECONDS
from stand import Stand

SECONDS = 60.0
TIMES = 10
PROBE = 100
ALONE = 10


class Flood:
    """Starts come in at a steady rate, whether or not the earlier ones were answered."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.slowest = 0.0
        self.accepted: list[dict[str, object]] = []

    async def run(self, rate: float, seconds: float) -> float:
        """So many a second for so long; answers the seconds after the end until all that was taken is delivered."""
        async with session() as client:
            sent, began = [], time.perf_counter()
            while (passed := time.perf_counter() - began) < seconds:
                sent += [asyncio.create_task(self._one(client)) for _ in range(int(rate * passed) - len(sent))]
                await asyncio.sleep(0.01)
            await asyncio.gather(*sent)
            ended = time.perf_counter()
            gate = asyncio.Semaphore(8)
            await asyncio.gather(*(self._delivered(client, gate, each) for each in self.accepted))
        return time.perf_counter() - ended

    async def _one(self, client: ClientSession) -> None:
        order, began = new_order(), time.perf_counter()
        try:
            async with client.post(f"{WORKFLOW}/start-order", json=order) as reply:
                said = str(reply.status)
                if reply.status == 503 and "Retry-After" not in reply.headers:
                    said = "503 without Retry-After"
        except (ClientError, TimeoutError) as error:
            said = type(error).__name__
        self.slowest = max(self.slowest, time.perf_counter() - began)
        self.answers[said] += 1
        if said == "200":
            self.accepted.append(order)
            await post(client, "/validate-pizza", approval(order), Counter())

    async def _delivered(self, client: ClientSession, gate: asyncio.Semaphore, order: dict[str, object]) -> None:
        async with gate:
            while await read_status(client, order["order_id"]) != "delivered":
                await asyncio.sleep(0.1)


def overload(stand: Stand) -> Iterator[Figure]:
    """At ten times the rate that it can do: its answers, its memory, and how soon it is as before."""
    with stand.shop(pace=0) as shop:
        stand.step("overload: what it can do")
        able = PROBE / Load(AT_ONCE).drive(PROBE).took
        calm, small = _alone(), sum(proportional(shop).values())
        stand.step(f"overload: {TIMES * able:.0f} orders a second for {SECONDS:.0f} s")
        flood = Flood()
        recovered = asyncio.run(flood.run(TIMES * able, SECONDS))
        large = sum(proportional(shop).values())
        after = _alone()
    odd = sum(count for said, count in flood.answers.items() if said not in ("200", "503"))
    yield Figure("overload", "overloaded tenfold for 60 s: answers other than 200 and 503", "", [odd], 0)
    yield Figure("overload", "overloaded: slowest answer to a start", "s", [flood.slowest], 5)
    yield Figure("overload", "overloaded: from its end until all that was accepted is delivered", "s", [recovered], 30)
    yield Figure("overload", "overloaded: one order alone afterwards, over before", "", [after / calm], 1.5)
    yield Figure("overload", "overloaded: memory (PSS) of everything afterwards, over before", "", [large / small], 1.5)
    yield Figure("overload", "overloaded: starts a second", "/s", [sum(flood.answers.values()) / SECONDS])
    yield Figure("overload", "overloaded: accepted of them", "%", [100 * len(flood.accepted) / flood.answers.total()])


def _alone() -> float:
    return median(Load(1, POLL_SECONDS).drive(ALONE).each)
