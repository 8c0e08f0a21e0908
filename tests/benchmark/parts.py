"""What an order is made of, each part by itself: so what the engine takes of it, the way to the roles, and the shop."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
from bare import Bare
from figures import Figure
from gauges import cpu_seconds
from load import ORDERS, Load, approval, new_order, session, until_taken_in
from speed import AT_ONCE, WARM
from stand import Stand

from pizzashop.domain.history import utc_timestamp
from pizzashop.domain.lifecycle import HAPPY_PATH, ORDER_STEP
from pizzashop.local.shop import Shop
from pizzashop.roles import KITCHEN, ORDER, PUBSUB, TOPIC, WORKFLOW, Role

COUNT = 300
STEP_SECONDS = 0.25
"""How long an order at pace 0 is at each of its four steps, with 32 of them at a time."""
INVOCATIONS, REQUESTS, EVENTS = 9, 8, len(HAPPY_PATH) - 1
"""Of an order: from role to role (to accept, claim three times, decide and end it, and its three steps); from outside
(to start and decide on it, and about six looks at it); and on the topic."""

Call = Callable[[aiohttp.ClientSession, dict[str, Any]], Awaitable[object]]
Measured = tuple[str, Callable[[], object]]


def parts(stand: Stand) -> Iterator[Figure]:
    """The CPU time of each part, in all processes, whoever asks for it included."""
    samples: dict[str, list[float]] = defaultdict(list)
    with stand.shop(pace=0) as shop, stand.bare(shop) as bare:
        Load(AT_ONCE).drive(WARM)
        for run in range(stand.runs):
            for name, what in (*_of_the_engine(bare), *_of_the_way(), *_of_the_shop()):
                stand.step(f"parts: {name}, run {run + 1}")
                samples[name].append(_cost(shop, bare, what))
    for name, each in samples.items():
        yield Figure("parts", f"CPU of {name}", "ms", each)
    engine, invocation, event, request = (samples[name] for name in (WAITING, INVOCATION, UNHEARD, REQUEST))
    nothing = [
        e + INVOCATIONS * i + EVENTS * p + REQUESTS * r
        for e, i, p, r in zip(engine, invocation, event, request, strict=True)
    ]
    yield Figure("parts", "CPU of an order if the shop's own code did nothing: summed up", "ms", nothing)
    ceiling = [best / each for best, each in zip(samples[BARE], nothing, strict=True)]
    yield Figure("parts", "and the share of bare that would be", "", ceiling)


BARE = "a bare workflow, 32 at a time"
WAITING = f"a bare workflow whose steps take {STEP_SECONDS} s, as an order's do, 32 at a time"
REQUEST = "a request to a role that does nothing"
INVOCATION = "an invocation through two sidecars that does nothing"
UNHEARD = "an event that nobody hears"


def _of_the_engine(bare: Bare) -> Iterator[Measured]:
    yield BARE, lambda: bare.run(COUNT, AT_ONCE)
    yield WAITING, lambda: bare.run(COUNT, AT_ONCE, step_seconds=STEP_SECONDS)


def _of_the_way() -> Iterator[Measured]:
    yield REQUEST, lambda: _each(_made(), lambda client, _: _get(client, f"{ORDERS}/healthz"))
    yield INVOCATION, lambda: _each(_made(), lambda client, _: _get(client, f"{_at(WORKFLOW)}/healthz", ORDER))
    yield UNHEARD, lambda: _each(_made(), lambda client, order: _tell(client, order, "nobody"))


def _of_the_shop() -> Iterator[Measured]:
    orders = _made()
    yield "accepting an order", lambda: _each(orders, _accept)
    yield "looking at an order", lambda: _each(orders, _look)
    yield "claiming a step", lambda: _each(orders, _claim)
    yield "an event, published and taken in", lambda: _each(orders, _tell, heard=True)
    yield "deciding on an order", lambda: _each(orders, _decide)


def _cost(shop: Shop, bare: Bare, what: Callable[[], object]) -> float:
    before = sum(cpu_seconds(shop).values()) + bare.cpu_seconds()
    what()
    return 1000 * (sum(cpu_seconds(shop).values()) + bare.cpu_seconds() - before) / COUNT


def _made() -> list[dict[str, Any]]:
    return [new_order() for _ in range(COUNT)]


def _each(orders: list[dict[str, Any]], call: Call, heard: bool = False) -> None:
    async def all_of_them() -> None:
        gate = asyncio.Semaphore(AT_ONCE)
        async with session() as client:

            async def one(order: dict[str, Any]) -> None:
                async with gate:
                    await call(client, order)

            await asyncio.gather(*map(one, orders))
            if heard:
                await until_taken_in()

    asyncio.run(all_of_them())


async def _accept(client: aiohttp.ClientSession, order: dict[str, Any]) -> None:
    sent = {name: value for name, value in order.items() if name != "uid"}
    order["uid"] = (await _ask(client, WORKFLOW, order, "accept", sent))["uid"]


async def _claim(client: aiohttp.ClientSession, order: dict[str, Any]) -> None:
    begins = [{"status": status, "attempt": 1, "at": utc_timestamp()} for status in ORDER_STEP.announced]
    claim = {"step": ORDER_STEP.name, "attempt": 1, "run": "bench", "uid": order["uid"], "begins": begins}
    await _ask(client, KITCHEN, order, "claim", claim)


async def _look(client: aiohttp.ClientSession, order: dict[str, Any]) -> None:
    await _get(client, f"{ORDERS}/order/{order['order_id']}")


async def _decide(client: aiohttp.ClientSession, order: dict[str, Any]) -> None:
    await _ask(client, WORKFLOW, order, "decide", approval(order))


async def _tell(client: aiohttp.ClientSession, order: dict[str, Any], topic: str = TOPIC) -> None:
    event = {**order, "status": HAPPY_PATH[1], "attempt": 1, "at": utc_timestamp(), "run": "bench"}
    await _post(client, f"{_at(KITCHEN)}/v1.0/publish/{PUBSUB}/{topic}", event)


async def _ask(
    client: aiohttp.ClientSession, asker: Role, order: dict[str, Any], what: str, content: dict[str, Any]
) -> Any:
    return await _post(client, f"{_at(asker)}/order/{order['order_id']}/{what}", content, ORDER)


def _at(role: Role) -> str:
    return f"http://127.0.0.1:{role.dapr_http_port}"


async def _get(client: aiohttp.ClientSession, url: str, to: Role | None = None) -> None:
    async with client.get(url, headers={"dapr-app-id": to.app_id} if to else None) as reply:
        await reply.read()
        reply.raise_for_status()


async def _post(client: aiohttp.ClientSession, url: str, content: object, to: Role | None = None) -> Any:
    async with client.post(url, json=content, headers={"dapr-app-id": to.app_id} if to else None) as reply:
        reply.raise_for_status()
        return await reply.json() if reply.status == 200 else None
