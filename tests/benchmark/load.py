"""Orders driven through the contract as cheaply as can be: placed, approved at once, asked for until all is done."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from uuid import uuid4

import aiohttp
from valkey import Valkey

WORKFLOW, ORDERS = "http://127.0.0.1:8005", "http://127.0.0.1:8001"
CUSTOMER = {"name": "John Doe", "address": "123 Main St", "phone": "555-0123"}
FIRST_SECONDS, LONGEST_SECONDS = 0.05, 0.5
ORDER_SECONDS = 180.0
GROUP = "pizza-order"


@dataclass
class Driven:
    """What became of the orders: the seconds until all read `delivered` and no event was left, and those of each."""

    took: float = 0.0
    backlog: float = 0.0
    """Seconds of `took` after the last order, until the topic's events were all taken in."""
    each: list[float] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)


class Load:
    """Drives orders, so many at a time, the first time asking for one after `first_pause` seconds."""

    def __init__(self, at_once: int, first_pause: float = FIRST_SECONDS) -> None:
        self._at_once, self._first = at_once, first_pause
        self._growth = 1.5 if first_pause >= FIRST_SECONDS else 1.2
        self.driven = Driven()

    def drive(self, orders: int) -> Driven:
        """Bring so many to `delivered`."""
        return asyncio.run(self._drive(orders))

    async def _drive(self, orders: int) -> Driven:
        gate = asyncio.Semaphore(self._at_once)
        async with session() as self._session:
            began = time.perf_counter()
            await asyncio.gather(*(self._gated(gate) for _ in range(orders)))
            delivered = time.perf_counter()
            await until_taken_in()
        self.driven.took = time.perf_counter() - began
        self.driven.backlog = time.perf_counter() - delivered
        return self.driven

    async def _gated(self, gate: asyncio.Semaphore) -> None:
        async with gate:
            began = time.perf_counter()
            await asyncio.wait_for(self._one(), ORDER_SECONDS)
            self.driven.each.append(time.perf_counter() - began)

    async def _one(self) -> None:
        order = new_order()
        await post(self._session, "/start-order", order, self.driven.answers)
        await post(self._session, "/validate-pizza", approval(order), self.driven.answers)
        pause, status = self._first, ""
        while status != "delivered":
            await asyncio.sleep(pause)
            pause = min(pause * self._growth, LONGEST_SECONDS)
            status = await read_status(self._session, order["order_id"])


def new_order() -> dict[str, object]:
    """An order with an id of its own."""
    return {"order_id": f"b-{uuid4().hex[:16]}", "pizza_type": "pepperoni", "size": "large", "customer": CUSTOMER}


def approval(order: dict[str, object]) -> dict[str, object]:
    """The manager's word on it."""
    return {"order_id": order["order_id"], "approved": True}


def session() -> aiohttp.ClientSession:
    """A client with as many connections as it takes."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


async def post(client: aiohttp.ClientSession, path: str, content: dict[str, object], answers: Counter[int]) -> None:
    """Send it to `workflow`, again where it says so with 503, and count the answers."""
    while True:
        async with client.post(WORKFLOW + path, json=content) as reply:
            answers[reply.status] += 1
            if reply.status == 200:
                return
            if reply.status != 503:
                raise RuntimeError(f"{path}: {reply.status} {await reply.text()}")
            await asyncio.sleep(float(reply.headers["Retry-After"]))


async def read_status(client: aiohttp.ClientSession, order_id: object) -> str:
    """What the order's record reads; empty where it cannot be had just now."""
    async with client.get(f"{ORDERS}/order/{order_id}") as reply:
        return (await reply.json())["status"] if reply.status == 200 else ""


def backlog() -> int:
    """Events of the topic that role `order` has not taken in: not yet handed out, or not yet acknowledged."""
    with Valkey(port=6379, decode_responses=True) as server:
        group = next((each for each in server.xinfo_groups("orders") if each["name"] == GROUP), None)
    return (group["lag"] or 0) + group["pending"] if group else 0


async def until_taken_in(seconds: float = 60.0) -> None:
    """Wait until no event of the topic is left."""
    deadline = time.monotonic() + seconds
    while left := backlog():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{left} events were not taken in")
        await asyncio.sleep(0.01)
