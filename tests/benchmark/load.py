"""The load: place orders over HTTP, approve them at once, and read them until they are delivered."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from uuid import uuid4

import aiohttp
from valkey import Valkey

WORKFLOW, ORDERS = "http://127.0.0.1:8005", "http://127.0.0.1:8001"
CUSTOMER = {"name": "John Doe", "address": "123 Main St", "phone": "555-0123"}
# These are the pause before the first read of an order, and the longest pause between two reads.
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.05, 0.5
ORDER_TIMEOUT_SECONDS = 180.0
EVENTS_TIMEOUT_SECONDS = 60.0
CONSUMER_GROUP = "pizza-order"


@dataclass
class LoadResult:
    """The result of a load.

    `seconds` is the time until all orders are delivered and all events applied; the last `backlog_seconds` of it pass
    after the last delivery. `order_seconds` holds the time of each order, `answers` counts the HTTP statuses.
    """

    seconds: float = 0.0
    backlog_seconds: float = 0.0
    order_seconds: list[float] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)


class Load:
    """Drives orders, `at_once` at the same time; reads each for the first time after `first_pause` seconds."""

    def __init__(self, at_once: int, first_pause: float = FIRST_PAUSE_SECONDS) -> None:
        self._at_once, self._first_pause = at_once, first_pause
        self._growth = 1.5 if first_pause >= FIRST_PAUSE_SECONDS else 1.2
        self.result = LoadResult()

    def drive(self, orders: int) -> LoadResult:
        """Place so many orders, and wait until they are delivered."""
        return asyncio.run(self._drive(orders))

    async def _drive(self, orders: int) -> LoadResult:
        semaphore = asyncio.Semaphore(self._at_once)
        async with open_session() as self._session:
            began = time.perf_counter()
            await asyncio.gather(*(self._drive_one(semaphore) for _ in range(orders)))
            delivered = time.perf_counter()
            await wait_for_events()
        self.result.seconds = time.perf_counter() - began
        self.result.backlog_seconds = time.perf_counter() - delivered
        return self.result

    async def _drive_one(self, semaphore: asyncio.Semaphore) -> None:
        async with semaphore:
            began = time.perf_counter()
            await asyncio.wait_for(self._order(), ORDER_TIMEOUT_SECONDS)
            self.result.order_seconds.append(time.perf_counter() - began)

    async def _order(self) -> None:
        order = new_order()
        await post(self._session, "/start-order", order, self.result.answers)
        await post(self._session, "/validate-pizza", approval(order), self.result.answers)
        pause, status = self._first_pause, ""
        while status != "delivered":
            await asyncio.sleep(pause)
            pause = min(pause * self._growth, MAX_PAUSE_SECONDS)
            status = await read_status(self._session, order["order_id"])


def new_order() -> dict[str, object]:
    """Return an order with a new id."""
    return {"order_id": f"b-{uuid4().hex[:16]}", "pizza_type": "pepperoni", "size": "large", "customer": CUSTOMER}


def approval(order: dict[str, object]) -> dict[str, object]:
    """Return the manager's approval of an order."""
    return {"order_id": order["order_id"], "approved": True}


def open_session() -> aiohttp.ClientSession:
    """Return an HTTP client without a limit of connections."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


async def post(client: aiohttp.ClientSession, path: str, content: dict[str, object], answers: Counter[int]) -> None:
    """Send a request to role `workflow`, again after a 503, and count the statuses in `answers`."""
    while True:
        async with client.post(WORKFLOW + path, json=content) as reply:
            answers[reply.status] += 1
            if reply.status == 200:
                return
            if reply.status != 503:
                raise RuntimeError(f"{path}: {reply.status} {await reply.text()}")
            await asyncio.sleep(float(reply.headers["Retry-After"]))


async def read_status(client: aiohttp.ClientSession, order_id: object) -> str:
    """Return the status in an order's record; an empty text if the answer is an error."""
    async with client.get(f"{ORDERS}/order/{order_id}") as reply:
        return (await reply.json())["status"] if reply.status == 200 else ""


def backlog() -> int:
    """Return the number of events that role `order` has not acknowledged."""
    with Valkey(port=6379, decode_responses=True) as server:
        group = next((group for group in server.xinfo_groups("orders") if group["name"] == CONSUMER_GROUP), None)
    return (group["lag"] or 0) + group["pending"] if group else 0


async def wait_for_events() -> None:
    """Wait until role `order` has acknowledged all events of the topic."""
    deadline = time.monotonic() + EVENTS_TIMEOUT_SECONDS
    while count := backlog():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{count} events were not acknowledged")
        await asyncio.sleep(0.01)
