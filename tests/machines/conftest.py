"""What the tests of several machines share with others on real Dapr, and the table that stands at the end of them."""

import pytest
from real_dapr import clean_end, dapr
from shop_client import FaultTable

__all__ = ["clean_end", "dapr"]

LOSSES = pytest.StashKey[list[tuple[object, ...]]]()
COLUMNS = (
    *("names ", "machine         ", "orders", "in flight", "lost", "begun twice"),
    *("median of an order", "slowest order", "until all were delivered"),
)


@pytest.fixture(scope="session")
def loss_table(pytestconfig: pytest.Config) -> FaultTable:
    """Takes the rows of the table: what became of a machine, and of the orders; times are in seconds."""
    return pytestconfig.stash.setdefault(LOSSES, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if rows := config.stash.get(LOSSES, []):
        terminalreporter.section("machines")
        for row in (COLUMNS, *rows):
            cells = (f"{cell!s:<{len(column)}}" for column, cell in zip(COLUMNS, row, strict=True))
            terminalreporter.write_line("   ".join(cells))
