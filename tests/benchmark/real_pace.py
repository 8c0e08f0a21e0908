"""Rows `pace`, `idle`, `telemetry`, `sustained` and `rush`: orders at pace 1, at which a pizza takes half a minute.

At pace 0 many orders share each request to the sidecar and to the store. At pace 1 little comes at once, so an order
costs more. People live with these figures.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count, product

import aiohttp
from bare import BareEngine
from figures import Figure
from load import WORKFLOW, approval, new_order, open_session, post, read_status, wait_for_events
from testbed import TestBed
from usage import cpu_seconds

from pizzashop.domain.lifecycle import STEPS
from pizzashop.local.shop import Shop

RATES = (4, 8)
RATE_SECONDS = 20
IDLE_SECONDS = 30
# How long the steps of an order take at pace 1, in their order.
STEP_SECONDS = tuple(step.seconds for step in STEPS)
ORDER_SECONDS = sum(STEP_SECONDS)
# An order, and a workflow, is read for the first time so long after its steps. Earlier reads would only cost.
FIRST_READ_SECONDS = 0.8
# What runs beside the bare engine's own sidecar and worker, and works for it.
SERVICES = ("placement", "scheduler", "valkey-server")
# What keeps the metrics and traces of `up --telemetry`.
TELEMETRY_SERVERS = ("victoria", "jaeger")
BARE, EMPTY_ORDER, ORDER = "a bare workflow", "an empty order", "an order"
WHOLE_SHOP, DAPR_AND_STORE = "the whole shop", "Dapr's processes and Valkey"
ROLE_WORKFLOW, OTHER_ROLES = "role workflow", "the four other roles"
WARM_UP_ORDERS = 20

SUSTAINED_RATE = 14
SUSTAINED_SECONDS = 180
MAX_SUSTAINED_ORDER_SECONDS = 31.5

RUSH_ORDERS = 500
READS_AT_ONCE = 8


def pace(testbed: TestBed) -> Iterator[Figure]:
    """Measure the CPU time of an order at pace 1, and of an empty order, over that of a bare workflow at this pace."""
    costs: dict[tuple[int, str], list[float]] = defaultdict(list)
    with testbed.shop(pace=1) as shop, testbed.bare_engine(shop) as bare:
        asyncio.run(_place_at_rate(RATES[0], WARM_UP_ORDERS / RATES[0]))
        testbed.report(f"pace: idle for {IDLE_SECONDS} s")
        idle_rates = _idle_rates(shop, bare)
        for run, rate in product(range(testbed.runs), RATES):
            orders = rate * RATE_SECONDS
            testbed.report(f"pace: {rate} bare workflows a second, run {run + 1}")
            cost = _costs(shop, idle_rates, partial(_run_bare, bare, rate, bare.start_workflow_at_pace), bare)
            costs[rate, BARE].append(1000 * sum(cost[name] for name in (*SERVICES, "bare")) / orders)
            testbed.report(f"pace: {rate} empty orders a second, run {run + 1}")
            cost = _costs(shop, idle_rates, partial(_run_bare, bare, rate, bare.start_empty_order), bare)
            costs[rate, EMPTY_ORDER].append(1000 * sum(cost.values()) / orders)
            testbed.report(f"pace: {rate} orders a second, run {run + 1}")
            cost = _costs(shop, idle_rates, partial(_run_orders, rate), bare)
            cost.pop("bare")
            costs[rate, ORDER].append(1000 * sum(cost.values()) / orders)
            for process, seconds in cost.items():
                costs[rate, f"{ORDER}: {process}"].append(1000 * seconds / orders)
    for rate, what in product(RATES, (ORDER, EMPTY_ORDER)):
        ratios = [cost / bare_cost for cost, bare_cost in zip(costs[rate, what], costs[rate, BARE], strict=True)]
        name = f"CPU of {what} at pace 1, {rate} a second, over a bare workflow"
        yield Figure("pace", name, "", ratios, 2.0 if what == ORDER else None)
    for (rate, what), samples in sorted(costs.items()):
        yield Figure("pace", f"CPU of {what} at pace 1, {rate} a second", "ms", samples)


def idle(testbed: TestBed) -> Iterator[Figure]:
    """Measure the CPU time of a shop in which nobody orders."""
    costs: dict[str, list[float]] = {name: [] for name in (WHOLE_SHOP, DAPR_AND_STORE, ROLE_WORKFLOW, OTHER_ROLES)}
    with testbed.shop(pace=1) as shop:
        asyncio.run(_place_at_rate(RATES[0], WARM_UP_ORDERS / RATES[0]))
        for run in range(testbed.runs):
            testbed.report(f"idle for {IDLE_SECONDS} s, run {run + 1}")
            percent = {name: 100 * seconds for name, seconds in _idle_rates(shop).items()}
            roles = sum(each for name, each in percent.items() if name.startswith("role "))
            costs[WHOLE_SHOP].append(sum(percent.values()))
            costs[DAPR_AND_STORE].append(sum(percent.values()) - roles)
            costs[ROLE_WORKFLOW].append(percent[ROLE_WORKFLOW])
            costs[OTHER_ROLES].append(roles - percent[ROLE_WORKFLOW])
    for name, samples in costs.items():
        yield Figure("idle", f"CPU of {name} idle, of one core", "%", samples, 3.0 if name == WHOLE_SHOP else None)


def telemetry(testbed: TestBed) -> Iterator[Figure]:
    """Measure what an order costs more when `up --telemetry` keeps metrics and traces."""
    rate, costs = RATES[-1], dict[bool, list[float]]()
    for has_telemetry in (False, True):
        with testbed.shop(pace=1, has_telemetry=has_telemetry) as shop:
            asyncio.run(_place_at_rate(RATES[0], WARM_UP_ORDERS / RATES[0]))
            idle_rates = _idle_rates(shop)
            costs[has_telemetry] = []
            for run in range(testbed.runs):
                state = "on" if has_telemetry else "off"
                testbed.report(f"telemetry {state}: {rate} orders a second, run {run + 1}")
                cost = _costs(shop, idle_rates, lambda: _run_orders(rate))
                own = [seconds for name, seconds in cost.items() if not name.startswith(TELEMETRY_SERVERS)]
                costs[has_telemetry].append(1000 * sum(own) / (rate * RATE_SECONDS))
    name = f"CPU of an order at pace 1, {rate} a second"
    yield Figure("telemetry", f"{name}: telemetry off", "ms", costs[False])
    yield Figure("telemetry", f"{name}: telemetry on, without its servers", "ms", costs[True])


def sustained(testbed: TestBed) -> Iterator[Figure]:
    """Measure how long orders take when many are placed each second, for minutes."""
    p99s, refused = [], []
    with testbed.shop(pace=1):
        for run in range(testbed.runs):
            testbed.report(f"sustained: {SUSTAINED_RATE} orders a second for {SUSTAINED_SECONDS} s, run {run + 1}")
            seconds, answers = asyncio.run(_place_at_rate(SUSTAINED_RATE, SUSTAINED_SECONDS))
            p99s.append(sorted(seconds)[int(0.99 * len(seconds))])
            refused.append(answers.total() - answers[200])
    name = f"{SUSTAINED_RATE} orders a second for {SUSTAINED_SECONDS} s at pace 1"
    yield Figure("sustained", f"{name}: an order, p99", "s", p99s, MAX_SUSTAINED_ORDER_SECONDS)
    yield Figure("sustained", f"{name}: answers other than 200", "", refused, 0)


def rush(testbed: TestBed) -> Iterator[Figure]:
    """Measure what becomes of many orders that are placed in the same moment."""
    refused, answered, delivered, engine = [], [], [], []
    with testbed.shop(pace=1) as shop, testbed.bare_engine(shop) as bare:
        for run in range(testbed.runs):
            testbed.report(f"rush: {RUSH_ORDERS} bare workflows at once, run {run + 1}")
            engine.append(bare.run_rush(RUSH_ORDERS, STEP_SECONDS))
            testbed.report(f"rush: {RUSH_ORDERS} orders at once, run {run + 1}")
            result = asyncio.run(_place_all_at_once())
            for samples, value in zip((refused, answered, delivered), result, strict=True):
                samples.append(value)
    name = f"{RUSH_ORDERS} orders at once, pace 1"
    yield Figure("rush", f"{name}: starts answered other than 200", "", refused, 0)
    yield Figure("rush", f"{name}: the last start answered after", "s", answered, 8.0)
    yield Figure("rush", f"{name}: all delivered after", "s", delivered)
    yield Figure("rush", f"{RUSH_ORDERS} bare workflows at once, pace 1: all done after", "s", engine)


def _run_bare(bare: BareEngine, rate: float, start: Callable[[Sequence[float]], str]) -> None:
    bare.run_at_rate(rate, RATE_SECONDS, partial(start, STEP_SECONDS), ORDER_SECONDS + FIRST_READ_SECONDS)


def _run_orders(rate: int) -> None:
    asyncio.run(_place_at_rate(rate, RATE_SECONDS))


def _idle_rates(shop: Shop, bare: BareEngine | None = None) -> dict[str, float]:
    """Return the CPU seconds that each process uses in a second in which nobody orders."""
    before = _cpu(shop, bare)
    time.sleep(IDLE_SECONDS)
    return {name: (seconds - before[name]) / IDLE_SECONDS for name, seconds in _cpu(shop, bare).items()}


def _costs(
    shop: Shop, idle_rates: dict[str, float], work: Callable[[], object], bare: BareEngine | None = None
) -> dict[str, float]:
    """Return the CPU seconds that each process uses for `work`, beyond what it uses when nothing happens."""
    before, began = _cpu(shop, bare), time.monotonic()
    work()
    seconds = time.monotonic() - began
    return {name: after - before[name] - idle_rates[name] * seconds for name, after in _cpu(shop, bare).items()}


def _cpu(shop: Shop, bare: BareEngine | None) -> dict[str, float]:
    return cpu_seconds(shop) | ({"bare": bare.cpu_seconds()} if bare else {})


async def _place_at_rate(rate: float, seconds: float) -> tuple[list[float], Counter[int]]:
    """Place orders at a steady rate. Return the seconds until each was delivered, and the answers to the starts."""
    answers: Counter[int] = Counter()
    async with open_session() as client, asyncio.TaskGroup() as tasks:
        began, placed = time.monotonic(), []
        for number in count():
            due = began + number / rate
            if due >= began + seconds:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            placed.append(tasks.create_task(_process_order(client, answers)))
    return [task.result() for task in placed], answers


async def _process_order(client: aiohttp.ClientSession, answers: Counter[int]) -> float:
    order, began = new_order(), time.monotonic()
    await post(client, "/start-order", order, answers)
    await post(client, "/validate-pizza", approval(order), answers)
    await asyncio.sleep(ORDER_SECONDS + FIRST_READ_SECONDS - (time.monotonic() - began))
    while await read_status(client, order["order_id"]) != "delivered":
        await asyncio.sleep(0.25)
    return time.monotonic() - began


async def _place_all_at_once() -> tuple[int, float, float]:
    """Place orders in one moment. Return how many starts were refused, and the seconds to the last answer and delivery.

    Each start is sent once: a refused order is not placed.
    """
    answers: Counter[int] = Counter()
    semaphore = asyncio.Semaphore(READS_AT_ONCE)
    async with open_session() as client:

        async def start(order: dict[str, object]) -> bool:
            async with client.post(f"{WORKFLOW}/start-order", json=order) as reply:
                answers[reply.status] += 1
                return reply.status == 200

        async def wait_until_delivered(order: dict[str, object]) -> None:
            async with semaphore:
                while await read_status(client, order["order_id"]) != "delivered":
                    await asyncio.sleep(0.2)

        orders, began = [new_order() for _ in range(RUSH_ORDERS)], time.monotonic()
        accepted = await asyncio.gather(*(start(order) for order in orders))
        answered = time.monotonic() - began
        placed = [order for order, is_accepted in zip(orders, accepted, strict=True) if is_accepted]
        await asyncio.gather(*(post(client, "/validate-pizza", approval(order), Counter()) for order in placed))
        await asyncio.sleep(ORDER_SECONDS - (time.monotonic() - began))
        await asyncio.gather(*(wait_until_delivered(order) for order in placed))
        delivered = time.monotonic() - began
        await wait_for_events()
    return answers.total() - answers[200], answered, delivered
