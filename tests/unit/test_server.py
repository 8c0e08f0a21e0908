"""A role as a process, without a sidecar: what it loads, what it does with signals, and with too many connections."""

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from shop_client import PIZZASHOP, eventually

from pizzashop.local.health import http_ok
from pizzashop.roles import ROLES

START = """
import os, resource, signal, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[1])))
signal.signal(signal.SIGHUP, getattr(signal, sys.argv[2]))
os.execv(sys.argv[3], sys.argv[3:])
"""
Serve = Callable[..., "Serving"]


class Serving:
    """A role that is served on a port of its own."""

    def __init__(self, port: int, files: int, on_hup: str, log: Path) -> None:
        self.port = port
        role = [PIZZASHOP, "serve", "--role", "kitchen", "--port", str(port)]
        with log.open("w") as output:
            command = [sys.executable, "-c", START, str(files), on_hup, *role]
            self.process = subprocess.Popen(command, stdout=output, stderr=output)

    @property
    def healthy(self) -> bool:
        assert self.process.poll() is None
        return http_ok(self.port, "/healthz")

    def end(self, number: int) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=15)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve role `kitchen` with so many open files at most, and this handling of SIGHUP."""
    with ExitStack() as stack:

        def start(files: int = 4096, on_hup: str = "SIG_DFL") -> Serving:
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            serving = Serving(port, files, on_hup, tmp_path / "log")
            stack.callback(serving.process.wait)
            stack.callback(serving.process.kill)
            eventually(lambda: serving.healthy)
            return serving

        yield start


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_ends_when_it_is_told_to(serve: Serve, number: int) -> None:
    assert serve().end(number) == 0


def test_it_outlives_its_terminal_where_it_was_told_so(serve: Serve) -> None:
    serving = serve(on_hup="SIG_IGN")
    serving.process.send_signal(signal.SIGHUP)
    assert serving.healthy
    assert serving.end(signal.SIGTERM) == 0


def test_a_client_that_never_asks_does_not_keep_it(serve: Serve) -> None:
    serving = serve()
    with socket.create_connection(("127.0.0.1", serving.port)):
        assert serving.end(signal.SIGTERM) == 0


def test_told_twice_from_the_keyboard_it_ends_at_once(serve: Serve) -> None:
    serving = serve()
    with socket.create_connection(("127.0.0.1", serving.port)) as slow:
        slow.sendall(b"POST /cook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
        other = http.client.HTTPConnection("127.0.0.1", serving.port)
        assert asked(other) == 200
        serving.process.send_signal(signal.SIGINT)
        eventually(lambda: asked(other), lambda status: status == 503)
        assert serving.end(signal.SIGINT) == 1


def test_where_the_server_itself_fails_it_ends_whoever_is_being_served(serve: Serve) -> None:
    serving = serve()
    with socket.create_connection(("127.0.0.1", serving.port)) as slow:
        slow.sendall(b"POST /cook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
        assert serving.end(signal.SIGABRT) == 1


def test_more_connections_than_it_may_have_files_do_not_end_it(serve: Serve) -> None:
    serving = serve(files=256)
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(socket.create_connection(("127.0.0.1", serving.port)))
        assert not serving.healthy  # whoever comes now waits
    assert eventually(lambda: serving.healthy)


@pytest.mark.parametrize("role", [each.name for each in ROLES])
def test_it_loads_what_its_role_needs(role: str) -> None:
    """Whatever it loads besides is in every process of the shop, five times."""
    code = (
        f"import json, sys, pizzashop.cli, pizzashop.server, pizzashop.{role}.wiring\nprint(json.dumps([*sys.modules]))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(json.loads(answer.stdout))
    heavy = {"asyncio", "grpc", "aiohttp", "rich", "limits", "yaml", "pizzashop.local", "pizzashop.console"}
    pages = {"flask_wtf", "babel", "pizzashop.storefront"} if role != "storefront" else set()
    assert loaded & (heavy | pages) == set()


def asked(connection: http.client.HTTPConnection) -> int:
    """The status of its health, on a connection that is kept."""
    connection.request("GET", "/healthz")
    with connection.getresponse() as answer:
        answer.read()
        return answer.status
