"""A whole shop in this process, with no sidecar."""

import signal

import pytest
from fakes.shop import FakeShop
from hypothesis import settings

# Whoever runs the tests in the background has these signals ignored, and so would all that a test starts.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)

# How long an example takes is for the machine to say, and no reason to fail.
settings.register_profile("pizzashop", deadline=None)
settings.load_profile("pizzashop")


@pytest.fixture
def shop() -> FakeShop:
    return FakeShop()
