"""The setup of all tests, and a whole shop in this process for those that need one."""

import signal

import pytest
from hypothesis import settings

# Their failed assertions show the values too.
pytest.register_assert_rewrite("fakes", "shop_client", "shop_processes", "up_process")

from fakes.shop import FakeShop  # noqa: E402
from fakes.sidecar import FakeSidecar  # noqa: E402

from pizzashop.settings import STORES  # noqa: E402

# A shell that starts the tests in the background ignores these signals, and every child process would inherit that.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)

# An example may be slow on a busy machine: that is no reason to fail.
settings.register_profile("pizzashop", deadline=None)
settings.load_profile("pizzashop")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--store", choices=STORES, default=STORES[0], help="the state store of the shops under test")


def pytest_configure(config: pytest.Config) -> None:
    FakeSidecar.has_random_etags = config.getoption("store") == "postgresql"


@pytest.fixture
def shop() -> FakeShop:
    return FakeShop()
