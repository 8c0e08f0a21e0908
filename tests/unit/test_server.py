"""A role as a process, without a sidecar: what it loads, what it does with signals, and with too many connections."""

import http.client
import json
import resource
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from shop_client import PIZZASHOP, eventually

from pizzashop.local.ports import http_ok
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

    def connect(self, stack: ExitStack, count: int, sent: bytes) -> list[socket.socket]:
        """Clients that have sent this, and keep their connections open."""
        made = []
        for number in range(count):
            source = (f"127.0.0.{number % 250 + 2}", 0)
            made.append(stack.enter_context(socket.create_connection(("127.0.0.1", self.port), source_address=source)))
            made[-1].sendall(sent)
        return made

    def end(self, number: int) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=15)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve role `kitchen` with so many open files at most, and this handling of SIGHUP."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    with ExitStack() as stack:

        def start(files: int = 8192, on_hup: str = "SIG_DFL") -> Serving:
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


def test_more_connections_than_it_may_have_files_keep_nobody_out(serve: Serve) -> None:
    serving = serve(files=256)
    with ExitStack() as stack:
        serving.connect(stack, 300, b"")
        assert serving.healthy


HEAD = b"POST /cook HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
UNFINISHED = {
    "nothing": b"",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost:",
    "half a body": HEAD + b"Content-Length: 100\r\n\r\n{",
    "half a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    "half a GET": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n",
}
LAZY = {
    "no close": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "no HTTP": b"what is this\r\n\r\n",
    "too large": HEAD + b"Content-Length: 99999999\r\n\r\n{",
    "no size": HEAD + b"Transfer-Encoding: chunked\r\n\r\nnone\r\n",
}


@pytest.mark.parametrize("sent", [*UNFINISHED.values(), *LAZY.values()], ids=[*UNFINISHED, *LAZY])
def test_clients_that_send_half_a_request_or_do_not_close_hold_up_nobody(serve: Serve, sent: bytes) -> None:
    serving = serve()
    with ExitStack() as stack:
        serving.connect(stack, 420, sent)
        assert serving.healthy


def test_two_thousand_such_clients_hold_up_nobody(serve: Serve) -> None:
    serving = serve()
    with ExitStack() as stack:
        for sent in UNFINISHED.values():
            serving.connect(stack, 400, sent)
        assert serving.healthy


def test_each_wait_for_a_client_ends(serve: Serve) -> None:
    """Also where bytes come in all the time: it is the whole that has a limit."""
    serving = serve()
    with ExitStack() as stack:
        waiting = {name: serving.connect(stack, 1, sent)[0] for name, sent in {**UNFINISHED, **LAZY}.items()}
        ends: dict[str, bytes] = {}
        while len(ends) < len(waiting):
            readable, _, _ = select.select([each for name, each in waiting.items() if name not in ends], [], [], 0.5)
            for name in waiting.keys() - ends.keys():
                if waiting[name] in readable:
                    ends[name] = waiting[name].recv(65536)
                elif name in ("half a head", "half a body"):
                    waiting[name].sendall(b" ")
    assert ends.pop("nothing") == b""
    assert {name: ends[name].split()[1] for name in UNFINISHED if name in ends} == {
        name: b"408" for name in UNFINISHED if name in ends
    }
    assert [ends[name].split()[1] for name in LAZY] == [b"200", b"400", b"400", b"413", b"400"]


@pytest.mark.parametrize("role", [each.name for each in ROLES])
def test_it_loads_what_its_role_needs(role: str) -> None:
    """Whatever it loads besides is in every process of the shop, five times."""
    code = f"""
import json, sys
import pizzashop.cli
from pizzashop.roles import ROLE_BY_NAME
from pizzashop.server import app, server
app._wiring(ROLE_BY_NAME["{role}"])
print(json.dumps([*sys.modules]))
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(json.loads(answer.stdout))
    heavy = {"rich", "limits", "yaml", "pizzashop.local", "pizzashop.console.command"}
    engine = {"asyncio", "grpc", "aiohttp"} if role != "workflow" else set()
    pages = {"flask_wtf", "babel", "pizzashop.pages"} if role != "storefront" else set()
    assert loaded & (heavy | engine | pages) == set()


def asked(connection: http.client.HTTPConnection) -> int:
    """The status of its health, on a connection that is kept."""
    connection.request("GET", "/healthz")
    with connection.getresponse() as answer:
        answer.read()
        return answer.status
