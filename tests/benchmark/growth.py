"""Does anything grow without bound? Drives many orders with a short retention, and says what has grown how far.

make growth                     (10,000 orders: about a quarter of an hour on two cores)
python tests/benchmark/growth.py --orders 1500 --every 500
"""

import asyncio
import tempfile
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

import aiohttp
import click
from gauges import measure
from rich.console import Console

from pizzashop.local import preflight
from pizzashop.local.closing import Closing
from pizzashop.local.project import Project
from pizzashop.local.provide import provide
from pizzashop.local.shop import Shop
from pizzashop.settings import Settings

WORKFLOW, ORDERS = "http://127.0.0.1:8005", "http://127.0.0.1:8001"
CUSTOMER = {"name": "John Doe", "address": "123 Main St", "phone": "555-0123"}
ENDED = ("delivered", "failed", "cancelled")
ORDER_SECONDS = 120.0


class Load:
    """Places orders, approves each at once, and waits for its end; so many at a time."""

    def __init__(self, session: aiohttp.ClientSession, at_once: int) -> None:
        self._session, self._gate = session, asyncio.Semaphore(at_once)
        self.ends: Counter[str] = Counter()

    async def run(self, orders: int) -> None:
        """Drive so many orders to their end."""
        await asyncio.gather(*(self._gated() for _ in range(orders)))

    async def _gated(self) -> None:
        async with self._gate:
            try:
                self.ends[await asyncio.wait_for(self._one(), ORDER_SECONDS)] += 1
            except (TimeoutError, aiohttp.ClientError) as error:
                self.ends[type(error).__name__] += 1

    async def _one(self) -> str:
        order_id = f"g-{uuid4().hex[:12]}"
        order = {"order_id": order_id, "pizza_type": "pepperoni", "size": "large", "customer": CUSTOMER}
        await self._until_taken("/start-order", order)
        await self._until_taken("/validate-pizza", {"order_id": order_id, "approved": True})
        status = ""
        while status not in ENDED:
            await asyncio.sleep(0.2)
            async with self._session.get(f"{ORDERS}/order/{order_id}") as reply:
                status = (await reply.json())["status"] if reply.status == 200 else ""
        return status

    async def _until_taken(self, path: str, content: dict[str, object]) -> None:
        while True:
            async with self._session.post(WORKFLOW + path, json=content) as reply:
                if reply.status == 200:
                    return
            await asyncio.sleep(1)


async def drive(shop: Shop, state_dir: Path, orders: int, at_once: int, every: int, rest: float) -> None:
    """Drive the orders and measure now and then; then rest until all has gone that goes by itself."""
    began, done = time.monotonic(), 0
    tell(measure(shop, state_dir), "before")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        driving = Load(session, at_once)
        while done < orders:
            part = min(every, orders - done)
            await driving.run(part)
            done += part
            rate = done / (time.monotonic() - began)
            tell(measure(shop, state_dir), f"after {done} orders, {rate:.1f} a second: {dict(driving.ends)}")
    await asyncio.sleep(rest)
    tell(measure(shop, state_dir), f"{rest:.0f} s after the last")


def tell(row: dict[str, str], title: str) -> None:
    """Print one measurement."""
    click.echo(f"\n{title}")
    for start in range(0, len(row), 6):
        click.echo("  " + "   ".join(f"{name}: {value}" for name, value in list(row.items())[start : start + 6]))


@click.command()
@click.option("--orders", default=10_000, show_default=True, type=click.IntRange(1, 1_000_000))
@click.option("--at-once", default=32, show_default=True, type=click.IntRange(1, 500))
@click.option(
    "--every", default=1_000, show_default=True, type=click.IntRange(1), help="Orders between two measurements."
)
@click.option("--retention", default=10.0, show_default=True, type=click.FloatRange(1), help="Seconds.")
def main(orders: int, at_once: int, every: int, retention: float) -> None:
    """Open the shop at pace 0 in a directory of its own, drive ORDERS through it, and print what grows."""
    project = Project.read(Path(__file__).parents[2] / "dapr.yaml")
    preflight.require(project)
    dapr = provide(Settings.from_env().cache_dir, Console(stderr=True), Closing())
    env = {"PIZZASHOP_PACE": "0", "PIZZASHOP_RETENTION": str(retention), "PIZZASHOP_LOG_LEVEL": "warning"}
    with tempfile.TemporaryDirectory() as name:
        state_dir = Path(name)
        with Shop(state_dir, project, dapr, env=env) as shop:
            shop.open()
            asyncio.run(drive(shop, state_dir, orders, at_once, every, 4 * retention + 10))


if __name__ == "__main__":
    main()
