"""How soon a page shows an event: many pages watch an order each, while orders come in at a steady rate."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from statistics import median

from figures import Figure
from load import approval, new_order, post, session
from stand import Stand

STOREFRONT = "http://127.0.0.1:8002"
WATCHERS, RATE, SECONDS = 50, 10, 20.0
MOMENT = re.compile(r'<li><time datetime="([^"]+)"')


class Watching:
    """Orders at `RATE` a second; the first `WATCHERS` of them are watched until they are delivered."""

    def __init__(self) -> None:
        self.delays: list[float] = []

    async def run(self) -> None:
        """Place the orders, watch, and note after how many seconds each stage was shown."""
        async with session() as self._client:
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
                moments = MOMENT.findall(shown)
                if moments and seen:
                    # Every entry that is new on the page, as it was announced.
                    news = [at for at in moments if at > seen]
                    self.delays += [time.time() - datetime.fromisoformat(at).timestamp() for at in news]
                seen = max([seen, *moments])


def watching(stand: Stand) -> Iterator[Figure]:
    """From an event until a watching page shows it."""
    delays = []
    for number in range(stand.runs):
        with stand.shop(pace=1):
            stand.step(f"watching, {number + 1} of {stand.runs}")
            measured = Watching()
            asyncio.run(measured.run())
            delays.append(median(measured.delays))
    name = f"from an event until a watching page shows it, {WATCHERS} watchers, {RATE} orders a second"
    yield Figure("watching", name, "s", delays, 0.3)
