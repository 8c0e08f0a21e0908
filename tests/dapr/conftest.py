"""What the tests on real Dapr share, and the table that stands at the end of them."""

import pytest
from real_dapr import clean_end, client, dapr, dapr_cli, open_shop, project, store_name, up
from shop_client import FaultTable

__all__ = ["clean_end", "client", "dapr", "dapr_cli", "open_shop", "project", "store_name", "up"]

FAULTS = pytest.StashKey[list[tuple[object, ...]]]()
FAULT_COLUMNS = ("killed            ", "in flight", "ended", "lost", "over and ran again", "in flight and ran twice")


BROKER_FAULTS = pytest.StashKey[list[tuple[object, ...]]]()
BROKER_COLUMNS = ("broker  ", "fault             ", "published", "applied", "pending", "orders delivered", "after")


@pytest.fixture(scope="session")
def broker_table(pytestconfig: pytest.Config) -> FaultTable:
    """Takes the rows of the table of the tests of brokers."""
    return pytestconfig.stash.setdefault(BROKER_FAULTS, []).append


@pytest.fixture(scope="session")
def fault_table(pytestconfig: pytest.Config) -> FaultTable:
    """Takes the rows of the table that stands at the end of the run: what was killed, and what became of it."""
    return pytestconfig.stash.setdefault(FAULTS, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print these tables."""
    for key, columns in ((FAULTS, FAULT_COLUMNS), (BROKER_FAULTS, BROKER_COLUMNS)):
        if rows := config.stash.get(key, []):
            terminalreporter.section("faults")
            for row in (columns, *rows):
                cells = (f"{cell!s:<{len(column)}}" for column, cell in zip(columns, row, strict=True))
                terminalreporter.write_line("   ".join(cells))
