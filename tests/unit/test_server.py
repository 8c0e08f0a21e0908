"""The two processes of a role, without a sidecar: signals, failures, slow clients, many connections, and imports."""

import http.client
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from pathlib import Path

import psutil
import pytest
from shop_client import PIZZASHOP, eventually

from pizzashop.local.ports import http_ok, taken_ports
from pizzashop.local.processes import has_ended, process_trees
from pizzashop.roles import ROLES

START = """
import os, resource, signal, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[1])))
signal.signal(signal.SIGHUP, getattr(signal, sys.argv[2]))
os.execv(sys.argv[3], sys.argv[3:])
"""
SHORT_TIMEOUT = sys.executable, str(Path(__file__).parents[1] / "short_worker_timeout.py")
HALF_REQUEST = b"POST /cook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"
Serve = Callable[..., "ServedRole"]


class ServedRole:
    """Role `kitchen` on its own port: gunicorn's arbiter, and the worker that it starts."""

    def __init__(
        self,
        log: Path,
        *program: str,
        max_open_files: int = 8192,
        sighup_handler: str = "SIG_DFL",
        env: Mapping[str, str] | None = None,
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.log = log
        self.command = [*(program or [PIZZASHOP]), "serve", "--role", "kitchen", "--port", str(self.port)]
        start = [sys.executable, "-c", START, str(max_open_files), sighup_handler, *self.command]
        with log.open("w") as output:
            self.arbiter = subprocess.Popen(
                start, stdout=output, stderr=output, env={**os.environ, **(env or {})}, start_new_session=True
            )

    @property
    def is_healthy(self) -> bool:
        assert self.arbiter.poll() is None
        return http_ok(self.port, "/healthz")

    @property
    def worker(self) -> psutil.Process:
        worker: psutil.Process = eventually(psutil.Process(self.arbiter.pid).children)[0]
        return worker

    def client(self) -> AbstractContextManager[http.client.HTTPConnection]:
        """Return a client that waits for each answer for 20 seconds."""
        return closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20))

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
        """Send a signal to the arbiter, wait for both processes to exit, and return the exit code."""
        processes = process_trees([self.arbiter.pid])
        self.arbiter.send_signal(signal_)
        code = self.arbiter.wait(timeout=15)
        eventually(lambda: [each for each in processes if not has_ended(each)], lambda left: left == [])
        return code

    def kill(self) -> None:
        """Kill what is left of it."""
        with suppress(ProcessLookupError):
            os.killpg(self.arbiter.pid, signal.SIGKILL)
        self.arbiter.wait()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """A function that serves role `kitchen`, and returns when it is healthy. Its arguments are those of ServedRole."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    with ExitStack() as stack:

        def start(*program: str, is_healthy: bool = True, **options: object) -> ServedRole:
            served = ServedRole(tmp_path / "log", *program, **options)  # type: ignore[arg-type]
            stack.callback(served.kill)
            if is_healthy:
                eventually(lambda: served.is_healthy)
            return served

        yield start


@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_the_role(serve: Serve, signal_: int) -> None:
    assert serve().stop(signal_) == 0


def test_ctrl_c_in_a_terminal_reaches_both_processes_and_stops_the_role(serve: Serve) -> None:
    served = serve()
    with socket.create_connection(("127.0.0.1", served.port)):
        os.killpg(served.arbiter.pid, signal.SIGINT)
        assert served.arbiter.wait(timeout=15) == 0


def test_under_nohup_the_role_outlives_its_terminal(serve: Serve) -> None:
    served = serve(sighup_handler="SIG_IGN")
    worker = served.worker
    os.killpg(served.arbiter.pid, signal.SIGHUP)
    assert served.is_healthy
    assert served.worker == worker
    assert served.stop(signal.SIGTERM) == 0


@pytest.mark.parametrize("name", ["SIGUSR1", "SIGUSR2", "SIGTTIN", "SIGTTOU", "SIGWINCH"])
def test_other_signals_of_gunicorn_do_no_harm(serve: Serve, name: str) -> None:
    served = serve()
    served.arbiter.send_signal(signal.Signals[name])
    for _ in range(3):
        assert served.is_healthy
    assert served.stop(signal.SIGTERM) == 0


def test_a_client_without_a_request_does_not_delay_the_stop(serve: Serve) -> None:
    served = serve()
    with socket.create_connection(("127.0.0.1", served.port)):
        assert served.stop(signal.SIGTERM) == 0


def test_a_second_ctrl_c_ends_the_role_at_once(serve: Serve) -> None:
    served = serve()
    with socket.create_connection(("127.0.0.1", served.port)) as slow, served.client() as other:
        slow.sendall(HALF_REQUEST)
        assert health_status(other) == 200
        served.arbiter.send_signal(signal.SIGINT)
        eventually(lambda: health_status(other), lambda status: status == 503)
        assert served.stop(signal.SIGINT) == 1


def test_a_worker_that_fails_is_replaced_although_a_client_is_connected(serve: Serve) -> None:
    served = serve()
    failed = served.worker
    with socket.create_connection(("127.0.0.1", served.port)) as slow:
        slow.sendall(HALF_REQUEST)
        failed.send_signal(signal.SIGABRT)
        eventually(lambda: has_ended(failed))
        with served.client() as client:
            assert health_status(client) == 200
    assert served.stop(signal.SIGTERM) == 0


def test_a_worker_that_hangs_is_replaced_while_the_port_stays_open(serve: Serve) -> None:
    served = serve(*SHORT_TIMEOUT)
    hung = served.worker
    hung.suspend()
    with served.client() as client:
        assert health_status(client) == 200
    assert has_ended(hung)
    assert "WORKER TIMEOUT" in served.log.read_text()


def test_a_worker_whose_arbiter_was_killed_stops_and_frees_the_port(serve: Serve) -> None:
    served = serve()
    worker = served.worker
    with socket.create_connection(("127.0.0.1", served.port)) as slow:
        slow.sendall(HALF_REQUEST)
        served.arbiter.kill()
        eventually(lambda: taken_ports([served.port]) == [], seconds=3)
        eventually(lambda: has_ended(worker), seconds=15)


def test_a_role_that_cannot_be_opened_ends_and_says_why(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    tokens = {"PIZZASHOP_STAFF_TOKEN": "t" * 16, "APP_API_TOKEN": "a" * 16}
    served = serve(is_healthy=False, env={**tokens, "PIZZASHOP_STATE_DIR": str(tmp_path / "file")})
    assert served.arbiter.wait(timeout=15) == 3
    assert "NotADirectoryError" in served.log.read_text()


def test_a_taken_port_is_one_sentence(serve: Serve) -> None:
    served = serve()
    second = subprocess.run(served.command, capture_output=True, text=True, timeout=30)
    error = f"Port {served.port} is taken: is the kitchen role, or another program, running there already?"
    assert (second.returncode, second.stderr) == (1, f"pizzashop: {error}\n")
    assert served.is_healthy


def test_a_role_writes_nothing_into_the_home_directory(serve: Serve, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    served = serve(env={"HOME": str(home), "XDG_RUNTIME_DIR": str(home)})
    assert list(home.iterdir()) == []
    assert served.stop(signal.SIGTERM) == 0


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


def imported_modules(code: str) -> set[str]:
    """Return the modules that a process has imported after it has run the code."""
    code = f"import json, sys\n{code}\nprint(json.dumps([*sys.modules]))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(result.stdout))


@pytest.mark.parametrize("role", [each.name for each in ROLES])
def test_a_worker_imports_only_what_its_role_needs(role: str) -> None:
    """Any other module would take memory in each of five processes."""
    imported = imported_modules(f"""
import pizzashop.cli
from pizzashop.auth.authentication import Authenticator
from pizzashop.dapr.client import SidecarClient
from pizzashop.dapr.http import HttpClient
from pizzashop.roles import ROLE_BY_NAME
from pizzashop.server import running_roles, server
from pizzashop.settings import Settings
from pizzashop.steps.runner import StepLimit
sidecar = SidecarClient(HttpClient(), 3500)
parts = dict(commands=object()) if "{role}" == "workflow" else dict()
running_roles.create_app(ROLE_BY_NAME["{role}"], Settings(), sidecar, StepLimit(1), Authenticator(), **parts)
""")
    heavy = {"rich", "limits", "yaml", "pizzashop.local", "pizzashop.console.command"}
    engine = {"asyncio", "grpc", "aiohttp"} if role != "workflow" else set()
    pages = {"flask_wtf", "babel", "pizzashop.pages"} if role != "storefront" else set()
    assert imported & (heavy | engine | pages) == set()


def test_an_arbiter_imports_no_application() -> None:
    """It would take memory, and its threads would not survive the fork."""
    imported = imported_modules("import pizzashop.cli, pizzashop.server.server")
    packages = ("steps", "order", "workflow", "pages", "web.routes", "dapr.client", "server.app")
    applications = {f"pizzashop.{name}" for name in packages}
    assert imported & {"asyncio", "grpc", "aiohttp", "dapr", *applications} == set()


def health_status(connection: http.client.HTTPConnection) -> int:
    """Return the HTTP status of a health check; the connection stays open."""
    connection.request("GET", "/healthz")
    with connection.getresponse() as response:
        response.read()
        return response.status
