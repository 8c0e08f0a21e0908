"""What memory the roles take after many orders: in five processes, and all in one."""

from collections.abc import Iterator

from figures import Figure
from gauges import proportional
from load import Load
from speed import AT_ONCE
from stand import Stand

ORDERS = 2000


def memory(stand: Stand) -> Iterator[Figure]:
    """PSS after 2,000 orders, of the roles' processes alone, and of the sidecars."""
    for together, name, goal, workshop in (
        (False, "the five roles", 260, "226 MB"),
        (True, "`serve --role all`", 110, ""),
    ):
        with stand.shop(pace=0, together=together) as shop:
            stand.step(f"memory: {ORDERS} orders through {name}")
            took = Load(AT_ONCE).drive(ORDERS).took
            used = proportional(shop)
        roles = [size for process, size in used.items() if process.startswith("role ")]
        others = [size for process, size in used.items() if not process.startswith("role ")]
        yield Figure(
            "memory", f"memory (PSS) of {name} after 2,000 orders", "MB", [sum(roles)], goal, workshop=workshop
        )
        yield Figure("memory", f"memory (PSS) of all beside {name}", "MB", [sum(others)])
        yield Figure("memory", f"orders a second through {name}", "/s", [ORDERS / took])
