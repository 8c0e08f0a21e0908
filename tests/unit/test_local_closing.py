"""The wish to close, and the ports that must be free."""

import os
import signal
import socket

import pytest

from pizzashop.errors import LocalError
from pizzashop.local import ports
from pizzashop.local.ports import http_ok, listening, wait_until
from pizzashop.local.processes import Interrupted, Shutdown


@pytest.fixture
def closing() -> Shutdown:
    return Shutdown()


def test_a_signal_ends_the_waiting(closing: Shutdown) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with closing.listening():
        closing.pause(0)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted):
            closing.pause(60)
        assert not closing.hurry
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_while_it_closes_means_hurry(closing: Shutdown) -> None:
    with closing.listening():
        closing.begin()
        os.kill(os.getpid(), signal.SIGINT)
        closing.pause(0.01)
        assert closing.hurry


def test_a_hang_up_that_is_ignored_stays_ignored(closing: Shutdown) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with closing.listening():
            os.kill(os.getpid(), signal.SIGHUP)
            closing.pause(0.01)
            os.kill(os.getpid(), signal.SIGTERM)
            with pytest.raises(Interrupted):
                closing.pause(60)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_waiting_has_an_end(closing: Shutdown) -> None:
    with pytest.raises(LocalError, match="the oven was not ready after 0 s"):
        wait_until(lambda: False, "the oven", seconds=0.1, closing=closing)


def test_a_port_that_is_held_is_named_with_its_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert ports.taken([port]) == [port]
        assert listening(port)
        with pytest.raises(LocalError, match=rf"{port} by .*\(pid {os.getpid()}\).*Nothing was started"):
            ports.require_free([port], Shutdown())
    assert ports.taken([port]) == []
    assert not http_ok(port, "/")
    ports.require_free([port], Shutdown())
