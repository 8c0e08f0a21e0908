"""Row `overload`: ten times the orders that the shop can do, for a minute; its answers, its memory and its recovery."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from statistics import median

from aiohttp import ClientError, ClientSession
from figures import Figure
from load import WORKFLOW, Load, approval, new_order, open_session, post, read_status
from speed import AT_ONCE, POLL_SECONDS
from testbed import TestBed
from usage import proportional_memory

SECONDS = 60.0
OVERLOAD_FACTOR = 10
PROBE_ORDERS = 100
ALONE_ORDERS = 10


class Flood:
    """Places orders at a steady rate, whether or not the earlier requests were answered."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.slowest = 0.0
        self.accepted: list[dict[str, object]] = []

    async def run(self, rate: float, seconds: float) -> float:
        """Place `rate` orders a second; return the seconds from the end until all accepted orders are delivered."""
        async with open_session() as client:
            sent, began = [], time.perf_counter()
            while (passed := time.perf_counter() - began) < seconds:
                sent += [asyncio.create_task(self._place(client)) for _ in range(int(rate * passed) - len(sent))]
                await asyncio.sleep(0.01)
            await asyncio.gather(*sent)
            ended = time.perf_counter()
            semaphore = asyncio.Semaphore(8)
            await asyncio.gather(*(self._wait_until_delivered(client, semaphore, order) for order in self.accepted))
        return time.perf_counter() - ended

    async def _place(self, client: ClientSession) -> None:
        order, began = new_order(), time.perf_counter()
        try:
            async with client.post(f"{WORKFLOW}/start-order", json=order) as reply:
                answer = str(reply.status)
                if reply.status == 503 and "Retry-After" not in reply.headers:
                    answer = "503 without Retry-After"
        except (ClientError, TimeoutError) as error:
            answer = type(error).__name__
        self.slowest = max(self.slowest, time.perf_counter() - began)
        self.answers[answer] += 1
        if answer == "200":
            self.accepted.append(order)
            await post(client, "/validate-pizza", approval(order), Counter())

    async def _wait_until_delivered(
        self, client: ClientSession, semaphore: asyncio.Semaphore, order: dict[str, object]
    ) -> None:
        async with semaphore:
            while await read_status(client, order["order_id"]) != "delivered":
                await asyncio.sleep(0.1)


def overload(testbed: TestBed) -> Iterator[Figure]:
    """Measure the shop at ten times the rate that it can do, and afterwards."""
    with testbed.shop(pace=0) as shop:
        testbed.report("overload: the rate that the shop can do")
        possible_rate = PROBE_ORDERS / Load(AT_ONCE).drive(PROBE_ORDERS).seconds
        seconds_before, memory_before = _order_alone(), sum(proportional_memory(shop).values())
        testbed.report(f"overload: {OVERLOAD_FACTOR * possible_rate:.0f} orders a second for {SECONDS:.0f} s")
        flood = Flood()
        recovery_seconds = asyncio.run(flood.run(OVERLOAD_FACTOR * possible_rate, SECONDS))
        memory_after = sum(proportional_memory(shop).values())
        seconds_after = _order_alone()
    unexpected = sum(count for answer, count in flood.answers.items() if answer not in ("200", "503"))
    yield Figure("overload", "overloaded tenfold for 60 s: answers other than 200 and 503", "", [unexpected], 0)
    yield Figure("overload", "overloaded: slowest answer to a start", "s", [flood.slowest], 5)
    yield Figure(
        "overload", "overloaded: from its end until all that was accepted is delivered", "s", [recovery_seconds], 30
    )
    yield Figure(
        "overload", "overloaded: one order alone afterwards, over before", "", [seconds_after / seconds_before], 1.5
    )
    yield Figure(
        "overload",
        "overloaded: memory (PSS) of everything afterwards, over before",
        "",
        [memory_after / memory_before],
        1.5,
    )
    yield Figure("overload", "overloaded: starts a second", "/s", [sum(flood.answers.values()) / SECONDS])
    yield Figure("overload", "overloaded: accepted of them", "%", [100 * len(flood.accepted) / flood.answers.total()])


def _order_alone() -> float:
    return median(Load(1, POLL_SECONDS).drive(ALONE_ORDERS).order_seconds)
