"""Row `parts`: the CPU time of each part of an order: the engine, the calls between processes, and the shop's code."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import aiohttp
from bare import BareEngine
from figures import Figure
from load import ORDERS, Load, approval, new_order, open_session, wait_for_events
from speed import AT_ONCE, WARM_UP_ORDERS
from testbed import TestBed
from usage import cpu_seconds

from pizzashop.domain.history import utc_timestamp
from pizzashop.domain.lifecycle import HAPPY_PATH, ORDER_STEP
from pizzashop.local.shop import Shop
from pizzashop.roles import KITCHEN, ORDER, PUBSUB, TOPIC, WORKFLOW, Role

COUNT = 300
# An order at pace 0 spends this time in each of its four steps, with 32 orders at a time.
STEP_SECONDS = 0.25

Call = Callable[[aiohttp.ClientSession, dict[str, Any]], Awaitable[object]]
Part = tuple[str, Callable[[], object]]


def parts(testbed: TestBed) -> Iterator[Figure]:
    """Measure the CPU time of each part in all processes, this one included."""
    samples: dict[str, list[float]] = defaultdict(list)
    with testbed.shop(pace=0) as shop, testbed.bare_engine(shop) as bare:
        Load(AT_ONCE).drive(WARM_UP_ORDERS)
        for run in range(testbed.runs):
            for name, run_part in (*_engine_parts(bare), *_call_parts(), *_shop_parts()):
                testbed.report(f"parts: {name}, run {run + 1}")
                samples[name].append(_cost(shop, bare, run_part))
    for name, costs in samples.items():
        yield Figure("parts", f"CPU of {name}", "ms", costs)


BARE = "a bare workflow, 32 at a time"
WAITING = f"a bare workflow whose steps take {STEP_SECONDS} s, as an order's do, 32 at a time"
EMPTY_ORDER = "an empty order, 32 at a time"
REQUEST = "a request to a role that does nothing"
INVOCATION = "an invocation through two sidecars that does nothing"
UNREAD_EVENT = "an event that nobody hears"


def _engine_parts(bare: BareEngine) -> Iterator[Part]:
    yield BARE, lambda: bare.run(COUNT, AT_ONCE)
    yield WAITING, lambda: bare.run(COUNT, AT_ONCE, start=partial(bare.start_workflow, STEP_SECONDS))
    yield EMPTY_ORDER, lambda: bare.run(COUNT, AT_ONCE, start=bare.start_empty_order)


def _call_parts() -> Iterator[Part]:
    yield REQUEST, lambda: _run_for_each(_new_orders(), lambda client, _: _get(client, f"{ORDERS}/healthz"))
    yield (
        INVOCATION,
        lambda: _run_for_each(
            _new_orders(), lambda client, _: _get(client, f"{_sidecar_url(WORKFLOW)}/healthz", ORDER)
        ),
    )
    yield UNREAD_EVENT, lambda: _run_for_each(_new_orders(), lambda client, order: _publish(client, order, "nobody"))


def _shop_parts() -> Iterator[Part]:
    orders = _new_orders()
    yield "accepting an order", lambda: _run_for_each(orders, _accept)
    yield "looking at an order", lambda: _run_for_each(orders, _read)
    yield "claiming a step", lambda: _run_for_each(orders, _claim)
    yield "an event, published and taken in", lambda: _run_for_each(orders, _publish, wait=True)
    yield "deciding on an order", lambda: _run_for_each(orders, _decide)


def _cost(shop: Shop, bare: BareEngine, run_part: Callable[[], object]) -> float:
    before = sum(cpu_seconds(shop).values()) + bare.cpu_seconds()
    run_part()
    return 1000 * (sum(cpu_seconds(shop).values()) + bare.cpu_seconds() - before) / COUNT


def _new_orders() -> list[dict[str, Any]]:
    return [new_order() for _ in range(COUNT)]


def _run_for_each(orders: list[dict[str, Any]], call: Call, wait: bool = False) -> None:
    async def run_all() -> None:
        semaphore = asyncio.Semaphore(AT_ONCE)
        async with open_session() as client:

            async def run_one(order: dict[str, Any]) -> None:
                async with semaphore:
                    await call(client, order)

            await asyncio.gather(*map(run_one, orders))
            if wait:
                await wait_for_events()

    asyncio.run(run_all())


async def _accept(client: aiohttp.ClientSession, order: dict[str, Any]) -> None:
    sent = {name: value for name, value in order.items() if name != "uid"}
    order["uid"] = (await _invoke(client, WORKFLOW, order, "accept", sent))["uid"]


async def _claim(client: aiohttp.ClientSession, order: dict[str, Any]) -> None:
    stages = [{"status": status, "attempt": 1, "at": utc_timestamp()} for status in ORDER_STEP.published_statuses]
    claim = {"order_id": order["order_id"], "step": ORDER_STEP.name, "attempt": 1, "run": "bench", "uid": order["uid"]}
    await _post(client, f"{_sidecar_url(KITCHEN)}/claims", {"claims": [{**claim, "stages": stages}]}, ORDER)


async def _read(client: aiohttp.ClientSession, order: dict[str, Any]) -> None:
    await _get(client, f"{ORDERS}/order/{order['order_id']}")


async def _decide(client: aiohttp.ClientSession, order: dict[str, Any]) -> None:
    await _invoke(client, WORKFLOW, order, "decide", approval(order))


async def _publish(client: aiohttp.ClientSession, order: dict[str, Any], topic: str = TOPIC) -> None:
    event = {**order, "status": HAPPY_PATH[1], "attempt": 1, "at": utc_timestamp(), "run": "bench"}
    await _post(client, f"{_sidecar_url(KITCHEN)}/v1.0/publish/{PUBSUB}/{topic}", event)


async def _invoke(
    client: aiohttp.ClientSession, caller: Role, order: dict[str, Any], method: str, content: dict[str, Any]
) -> Any:
    return await _post(client, f"{_sidecar_url(caller)}/order/{order['order_id']}/{method}", content, ORDER)


def _sidecar_url(role: Role) -> str:
    return f"http://127.0.0.1:{role.dapr_http_port}"


async def _get(client: aiohttp.ClientSession, url: str, to: Role | None = None) -> None:
    async with client.get(url, headers={"dapr-app-id": to.app_id} if to else None) as reply:
        await reply.read()
        reply.raise_for_status()


async def _post(client: aiohttp.ClientSession, url: str, content: object, to: Role | None = None) -> Any:
    async with client.post(url, json=content, headers={"dapr-app-id": to.app_id} if to else None) as reply:
        reply.raise_for_status()
        return await reply.json() if reply.status == 200 else None
