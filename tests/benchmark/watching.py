"""Row `watching`: how soon a live page shows an event, with many pages and a steady rate of orders."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from statistics import median

from figures import Figure
from load import approval, new_order, open_session, post
from testbed import TestBed

STOREFRONT = "http://127.0.0.1:8002"
WATCHERS, RATE, SECONDS = 50, 10, 20.0
SHOWN_TIME = re.compile(r'<li><time datetime="([^"]+)"')


class WatchedLoad:
    """Places `RATE` orders a second, and watches the first `WATCHERS` of them until they are delivered."""

    def __init__(self) -> None:
        self.delays: list[float] = []

    async def run(self) -> None:
        """Place the orders; add the seconds after which each stage was shown to `delays`."""
        async with open_session() as self._client:
            pages = []
            for number in range(int(RATE * SECONDS)):
                order = new_order()
                await post(self._client, "/start-order", order, Counter())
                await post(self._client, "/validate-pizza", approval(order), Counter())
                if number < WATCHERS:
                    pages.append(asyncio.create_task(self._watch(str(order["order_id"]))))
                await asyncio.sleep(1 / RATE)
            await asyncio.gather(*pages)

    async def _watch(self, order_id: str) -> None:
        headers, seen = {"Accept": "text/event-stream"}, ""
        async with self._client.get(f"{STOREFRONT}/live/orders/{order_id}", headers=headers, timeout=None) as reply:
            event: list[str] = []
            async for raw in reply.content:
                event.append(raw.decode())
                if raw.strip():
                    continue
                shown, event = "".join(event), []
                if shown.startswith("event: over"):
                    return
                times = SHOWN_TIME.findall(shown)
                if times and seen:
                    # The history entries that are new on the page, with the times at which they were published.
                    new = [at for at in times if at > seen]
                    self.delays += [time.time() - datetime.fromisoformat(at).timestamp() for at in new]
                seen = max([seen, *times])


def watching(testbed: TestBed) -> Iterator[Figure]:
    """Measure the seconds from an event until a live page shows it; a sample is the median of one run."""
    delays = []
    for number in range(testbed.runs):
        with testbed.shop(pace=1):
            testbed.report(f"watching, {number + 1} of {testbed.runs}")
            load = WatchedLoad()
            asyncio.run(load.run())
            delays.append(median(load.delays))
    name = f"from an event until a watching page shows it, {WATCHERS} watchers, {RATE} orders a second"
    yield Figure("watching", name, "s", delays, 0.3)
