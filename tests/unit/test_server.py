"""The process of a role, without a sidecar: its signals, slow clients, many connections, and its imports."""

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
Serve = Callable[..., "ServedRole"]


class ServedRole:
    """A process that serves role `kitchen` on its own port."""

    def __init__(self, port: int, max_open_files: int, sighup_handler: str, log: Path) -> None:
        self.port = port
        serve = [PIZZASHOP, "serve", "--role", "kitchen", "--port", str(port)]
        with log.open("w") as output:
            command = [sys.executable, "-c", START, str(max_open_files), sighup_handler, *serve]
            self.process = subprocess.Popen(command, stdout=output, stderr=output)

    @property
    def is_healthy(self) -> bool:
        assert self.process.poll() is None
        return http_ok(self.port, "/healthz")

    def connect(self, stack: ExitStack, count: int, sent: bytes) -> list[socket.socket]:
        """Return clients that have sent these bytes and keep their connections open."""
        clients = []
        for number in range(count):
            source = (f"127.0.0.{number % 250 + 2}", 0)
            client = socket.create_connection(("127.0.0.1", self.port), source_address=source)
            clients.append(stack.enter_context(client))
            client.sendall(sent)
        return clients

    def stop(self, signal_: int) -> int:
        """Send a signal, wait for the process to exit, and return its exit code."""
        self.process.send_signal(signal_)
        return self.process.wait(timeout=15)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """A function that serves role `kitchen` with a limit of open files and a handler of SIGHUP."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    with ExitStack() as stack:

        def start(max_open_files: int = 8192, sighup_handler: str = "SIG_DFL") -> ServedRole:
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            served = ServedRole(port, max_open_files, sighup_handler, tmp_path / "log")
            stack.callback(served.process.wait)
            stack.callback(served.process.kill)
            eventually(lambda: served.is_healthy)
            return served

        yield start


@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_the_process(serve: Serve, signal_: int) -> None:
    assert serve().stop(signal_) == 0


def test_under_nohup_the_process_outlives_its_terminal(serve: Serve) -> None:
    served = serve(sighup_handler="SIG_IGN")
    served.process.send_signal(signal.SIGHUP)
    assert served.is_healthy
    assert served.stop(signal.SIGTERM) == 0


def test_a_client_without_a_request_does_not_delay_the_stop(serve: Serve) -> None:
    served = serve()
    with socket.create_connection(("127.0.0.1", served.port)):
        assert served.stop(signal.SIGTERM) == 0


def test_a_second_ctrl_c_ends_the_process_at_once(serve: Serve) -> None:
    served = serve()
    with socket.create_connection(("127.0.0.1", served.port)) as slow:
        slow.sendall(b"POST /cook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
        other = http.client.HTTPConnection("127.0.0.1", served.port)
        assert health_status(other) == 200
        served.process.send_signal(signal.SIGINT)
        eventually(lambda: health_status(other), lambda status: status == 503)
        assert served.stop(signal.SIGINT) == 1


def test_a_failure_of_the_server_ends_the_process_although_a_client_is_connected(serve: Serve) -> None:
    served = serve()
    with socket.create_connection(("127.0.0.1", served.port)) as slow:
        slow.sendall(b"POST /cook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
        assert served.stop(signal.SIGABRT) == 1


def test_more_connections_than_open_files_do_not_block_new_clients(serve: Serve) -> None:
    served = serve(max_open_files=256)
    with ExitStack() as stack:
        served.connect(stack, 300, b"")
        assert served.is_healthy


HEAD = b"POST /cook HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
INCOMPLETE = {
    "nothing": b"",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost:",
    "half a body": HEAD + b"Content-Length: 100\r\n\r\n{",
    "half a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    "half a GET": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n",
}
NOT_CLOSED = {
    "no close": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "no HTTP": b"what is this\r\n\r\n",
    "too large": HEAD + b"Content-Length: 99999999\r\n\r\n{",
    "no size": HEAD + b"Transfer-Encoding: chunked\r\n\r\nnone\r\n",
}


@pytest.mark.parametrize("sent", [*INCOMPLETE.values(), *NOT_CLOSED.values()], ids=[*INCOMPLETE, *NOT_CLOSED])
def test_clients_that_send_half_a_request_or_do_not_close_delay_no_other(serve: Serve, sent: bytes) -> None:
    served = serve()
    with ExitStack() as stack:
        served.connect(stack, 420, sent)
        assert served.is_healthy


def test_two_thousand_slow_clients_delay_no_other(serve: Serve) -> None:
    served = serve()
    with ExitStack() as stack:
        for sent in INCOMPLETE.values():
            served.connect(stack, 400, sent)
        assert served.is_healthy


def test_each_wait_for_a_client_has_a_limit(serve: Serve) -> None:
    """The limit is in total: bytes that keep arriving do not extend it."""
    served = serve()
    with ExitStack() as stack:
        waiting = {name: served.connect(stack, 1, sent)[0] for name, sent in {**INCOMPLETE, **NOT_CLOSED}.items()}
        ends: dict[str, bytes] = {}
        while len(ends) < len(waiting):
            readable, _, _ = select.select([each for name, each in waiting.items() if name not in ends], [], [], 0.5)
            for name in waiting.keys() - ends.keys():
                if waiting[name] in readable:
                    ends[name] = waiting[name].recv(65536)
                elif name in ("half a head", "half a body"):
                    waiting[name].sendall(b" ")
    assert ends.pop("nothing") == b""
    assert {name: ends[name].split()[1] for name in INCOMPLETE if name in ends} == {
        name: b"408" for name in INCOMPLETE if name in ends
    }
    assert [ends[name].split()[1] for name in NOT_CLOSED] == [b"200", b"400", b"400", b"413", b"400"]


@pytest.mark.parametrize("role", [each.name for each in ROLES])
def test_a_process_imports_only_what_its_role_needs(role: str) -> None:
    """Any other module would take memory in each of five processes."""
    code = f"""
import json, sys
import pizzashop.cli
from pizzashop.auth.authentication import Authenticator
from pizzashop.dapr.client import SidecarClient
from pizzashop.dapr.http import HttpClient
from pizzashop.roles import ROLE_BY_NAME
from pizzashop.server import server
from pizzashop.settings import Settings
from pizzashop.steps.runner import StepLimit
sidecar = SidecarClient(HttpClient(), 3500)
parts = dict(commands=object(), capacity=object()) if "{role}" == "workflow" else dict()
server.create_app(ROLE_BY_NAME["{role}"], Settings(), sidecar, StepLimit(1), Authenticator(), **parts)
print(json.dumps([*sys.modules]))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    imported = set(json.loads(result.stdout))
    heavy = {"rich", "limits", "yaml", "pizzashop.local", "pizzashop.console.command"}
    engine = {"asyncio", "grpc", "aiohttp"} if role != "workflow" else set()
    pages = {"flask_wtf", "babel", "pizzashop.pages"} if role != "storefront" else set()
    assert imported & (heavy | engine | pages) == set()


def health_status(connection: http.client.HTTPConnection) -> int:
    """Return the HTTP status of a health check; the connection stays open."""
    connection.request("GET", "/healthz")
    with connection.getresponse() as response:
        response.read()
        return response.status
