"""A shutdown is requested by a signal: it ends waits, and a further signal forces it."""

import os
import signal

import pytest

from pizzashop.errors import LocalError
from pizzashop.local.shutdown import Interrupted, Shutdown, wait_until


@pytest.fixture
def shutdown() -> Shutdown:
    return Shutdown()


def test_a_signal_ends_a_wait(shutdown: Shutdown) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with shutdown.handle_signals():
        shutdown.sleep(0)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted):
            shutdown.sleep(60)
        assert not shutdown.is_forced
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_during_the_shutdown_forces_it(shutdown: Shutdown) -> None:
    with shutdown.handle_signals():
        shutdown.begin()
        os.kill(os.getpid(), signal.SIGINT)
        shutdown.sleep(0.01)
        assert shutdown.is_forced


def test_an_ignored_hang_up_stays_ignored(shutdown: Shutdown) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with shutdown.handle_signals():
            os.kill(os.getpid(), signal.SIGHUP)
            shutdown.sleep(0.01)
            os.kill(os.getpid(), signal.SIGTERM)
            with pytest.raises(Interrupted):
                shutdown.sleep(60)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_wait_ends_after_its_time() -> None:
    with pytest.raises(LocalError, match="the oven was not ready after 0 s"):
        wait_until(lambda: False, "the oven", seconds=0.1)
