"""How fast orders go, side by side with the bare engine: many at a time, and one alone; and what CPU each costs."""

from collections import defaultdict
from collections.abc import Iterator
from statistics import median

from figures import Figure
from gauges import cpu_seconds
from load import Load
from stand import Stand

AT_ONCE = 32
ORDERS = 400
WARM = 64
ALONE = 30
POLL_SECONDS = 0.005


def throughput(stand: Stand) -> Iterator[Figure]:
    """Orders a second, 32 at a time at pace 0, as a share of bare workflows a second."""
    ours, theirs, cost = [], [], defaultdict(list)
    with stand.shop(pace=0) as shop, stand.bare(shop) as bare:
        Load(AT_ONCE).drive(WARM)
        for run in range(stand.runs):
            stand.step(f"throughput: {ORDERS} bare workflows, run {run + 1}")
            theirs.append(ORDERS / bare.run(ORDERS, AT_ONCE)[0])
            stand.step(f"throughput: {ORDERS} orders, run {run + 1}")
            before = cpu_seconds(shop)
            ours.append(ORDERS / Load(AT_ONCE).drive(ORDERS).took)
            for name, seconds in cpu_seconds(shop).items():
                cost[name].append(1000 * (seconds - before[name]) / ORDERS)
    shares = [our / their for our, their in zip(ours, theirs, strict=True)]
    yield Figure("throughput", "orders a second, 32 at a time, share of bare", "", shares, 0.65, True, "0.27")
    yield Figure("throughput", "orders a second, 32 at a time, pace 0", "/s", ours)
    yield Figure("throughput", "bare workflows a second, 32 at a time", "/s", theirs)
    for name, samples in cost.items():
        yield Figure("throughput", f"CPU of an order: {name}", "ms", samples)
    yield Figure(
        "throughput", "CPU of an order: all of it", "ms", [sum(each) for each in zip(*cost.values(), strict=True)]
    )


def alone(stand: Stand) -> Iterator[Figure]:
    """One order alone at pace 0, over one bare workflow: medians of each run."""
    ours, theirs = [], []
    with stand.shop(pace=0) as shop, stand.bare(shop) as bare:
        Load(1, POLL_SECONDS).drive(ALONE)
        for run in range(stand.runs):
            stand.step(f"alone: {ALONE} bare workflows, run {run + 1}")
            theirs.append(median(bare.run(ALONE, 1, POLL_SECONDS)[1]))
            stand.step(f"alone: {ALONE} orders, run {run + 1}")
            ours.append(median(Load(1, POLL_SECONDS).drive(ALONE).each))
    over = [our / their for our, their in zip(ours, theirs, strict=True)]
    yield Figure("alone", "one order alone over one bare workflow, p50", "", over, 1.8, workshop="2.8")
    yield Figure("alone", "one order alone, pace 0, p50", "s", ours)
    yield Figure("alone", "one bare workflow alone, p50", "s", theirs)
