"""Row `memory`: the memory of the roles after many orders, in five processes and in one."""

from collections.abc import Iterator

from figures import Figure
from load import Load
from speed import AT_ONCE
from testbed import TestBed
from usage import proportional_memory

ORDERS = 2000


def memory(testbed: TestBed) -> Iterator[Figure]:
    """Measure the PSS of the roles' processes after 2,000 orders, and that of all other processes."""
    for one_process, name, goal, workshop in (
        (False, "the five roles", 260, "226 MB"),
        (True, "`serve --role all`", 110, ""),
    ):
        with testbed.shop(pace=0, one_process=one_process) as shop:
            testbed.report(f"memory: {ORDERS} orders through {name}")
            seconds = Load(AT_ONCE).drive(ORDERS).seconds
            used = proportional_memory(shop)
        roles = [size for process, size in used.items() if process.startswith("role ")]
        others = [size for process, size in used.items() if not process.startswith("role ")]
        yield Figure(
            "memory", f"memory (PSS) of {name} after 2,000 orders", "MB", [sum(roles)], goal, workshop=workshop
        )
        yield Figure("memory", f"memory (PSS) of all beside {name}", "MB", [sum(others)])
        yield Figure("memory", f"orders a second through {name}", "/s", [ORDERS / seconds])
