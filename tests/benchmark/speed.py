"""Rows `throughput` and `alone`: speed and CPU time of orders beside the bare engine, many at a time and one alone."""

from collections import defaultdict
from collections.abc import Iterator
from statistics import median

from figures import Figure
from load import Load
from testbed import TestBed
from usage import cpu_seconds

AT_ONCE = 32
ORDERS = 400
WARM_UP_ORDERS = 64
ALONE_ORDERS = 30
POLL_SECONDS = 0.005


def throughput(testbed: TestBed) -> Iterator[Figure]:
    """Measure orders a second, 32 at a time at pace 0, as a share of bare workflows a second."""
    shop_rates, bare_rates, empty_rates, cpu_of_process = [], [], [], defaultdict(list)
    with testbed.shop(pace=0) as shop, testbed.bare_engine(shop) as bare:
        Load(AT_ONCE).drive(WARM_UP_ORDERS)
        for run in range(testbed.runs):
            testbed.report(f"throughput: {ORDERS} bare workflows, run {run + 1}")
            bare_rates.append(ORDERS / bare.run(ORDERS, AT_ONCE)[0])
            testbed.report(f"throughput: {ORDERS} empty orders, run {run + 1}")
            empty_rates.append(ORDERS / bare.run(ORDERS, AT_ONCE, start=bare.start_empty_order)[0])
            testbed.report(f"throughput: {ORDERS} orders, run {run + 1}")
            before = cpu_seconds(shop)
            shop_rates.append(ORDERS / Load(AT_ONCE).drive(ORDERS).seconds)
            for name, seconds in cpu_seconds(shop).items():
                cpu_of_process[name].append(1000 * (seconds - before[name]) / ORDERS)
    shares = [shop_rate / bare_rate for shop_rate, bare_rate in zip(shop_rates, bare_rates, strict=True)]
    yield Figure("throughput", "orders a second, 32 at a time, share of bare", "", shares, 0.55, True, "0.27")
    yield Figure("throughput", "orders a second, 32 at a time, pace 0", "/s", shop_rates)
    yield Figure("throughput", "empty orders a second, 32 at a time", "/s", empty_rates)
    yield Figure("throughput", "bare workflows a second, 32 at a time", "/s", bare_rates)
    for name, samples in cpu_of_process.items():
        yield Figure("throughput", f"CPU of an order: {name}", "ms", samples)
    totals = [sum(costs) for costs in zip(*cpu_of_process.values(), strict=True)]
    yield Figure("throughput", "CPU of an order: all of it", "ms", totals)


def alone(testbed: TestBed) -> Iterator[Figure]:
    """Measure one order alone at pace 0, over one bare workflow; a sample is the median of one run."""
    shop_seconds, bare_seconds, empty_seconds = [], [], []
    with testbed.shop(pace=0) as shop, testbed.bare_engine(shop) as bare:
        Load(1, POLL_SECONDS).drive(ALONE_ORDERS)
        for run in range(testbed.runs):
            testbed.report(f"alone: {ALONE_ORDERS} bare workflows, run {run + 1}")
            bare_seconds.append(median(bare.run(ALONE_ORDERS, 1, POLL_SECONDS)[1]))
            testbed.report(f"alone: {ALONE_ORDERS} empty orders, run {run + 1}")
            empty_seconds.append(median(bare.run(ALONE_ORDERS, 1, POLL_SECONDS, bare.start_empty_order)[1]))
            testbed.report(f"alone: {ALONE_ORDERS} orders, run {run + 1}")
            shop_seconds.append(median(Load(1, POLL_SECONDS).drive(ALONE_ORDERS).order_seconds))
    ratios = [shop / bare for shop, bare in zip(shop_seconds, bare_seconds, strict=True)]
    yield Figure("alone", "one order alone over one bare workflow, p50", "", ratios, 1.8, workshop="2.8")
    yield Figure("alone", "one order alone, pace 0, p50", "s", shop_seconds)
    yield Figure("alone", "one empty order alone, p50", "s", empty_seconds)
    yield Figure("alone", "one bare workflow alone, p50", "s", bare_seconds)
