"""The worker as an option of gunicorn's own command, with one thread: no slow client occupies it."""

import socket
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from shop_client import eventually

from pizzashop.local.ports import http_ok
from pizzashop.server.request_worker import LOOP_SECONDS, NEXT_REQUEST_SECONDS

CLIENTS = 8
# Where the count of received segments with data is in `struct tcp_info` of Linux.
DATA_SEGMENTS_RECEIVED = 152
APPLICATION = """
def application(environ, start_response):
    body = environ["wsgi.input"].read()
    if environ["PATH_INFO"] == "/broken":
        raise ValueError("no oven")
    if environ["PATH_INFO"] == "/large":
        body = b"x" * 300_000
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an application that echoes the body of a request."""
    with running_gunicorn(tmp_path_factory.mktemp("application"), APPLICATION, threads=1) as port:
        yield port


@contextmanager
def running_gunicorn(folder: Path, application: str, threads: int) -> Iterator[int]:
    """Serve the application by gunicorn's own command, and yield its port."""
    (folder / "echo.py").write_text(application)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--bind", f"127.0.0.1:{port}"]
    worker = ["--worker-class", "pizzashop.server.request_worker.RequestWorker", "--threads", str(threads)]
    with subprocess.Popen([*command, *worker, "echo:application"], cwd=folder) as process:
        try:
            eventually(lambda: http_ok(port, "/"))
            yield port
            process.terminate()
            assert process.wait(timeout=15) == 0
        finally:
            process.kill()


def connect(port: int, sent: bytes, receive_bytes: int = 0) -> socket.socket:
    """Return a client that has sent these bytes."""
    client = socket.socket()
    client.settimeout(10)
    if receive_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.connect(("127.0.0.1", port))
    client.sendall(sent)
    return client


def read_until(client: socket.socket, end: bytes) -> bytes:
    """Return the bytes that arrive, including `end`."""
    received = b""
    while not received.endswith(end):
        part = client.recv(65536)
        assert part, received
        received += part
    return received


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HT", POST + b"Content-Length: 10\r\n\r\n123", POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhe"],
)
def test_an_incomplete_request_takes_no_thread(port: int, sent: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(connect(port, sent))
        assert http_ok(port, "/")


def test_an_answer_that_the_client_does_not_read_takes_no_thread(port: int) -> None:
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(connect(port, b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n", receive_bytes=4096))
        assert http_ok(port, "/")


def test_pipelined_requests_are_answered_one_after_another(port: int) -> None:
    one, two = POST + b"Content-Length: 3\r\n\r\none", POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
    with connect(port, one + two + one[:-1]) as client:
        assert b"one" in read_until(client, b"two")
        client.sendall(b"e")
        read_until(client, b"one")


def test_a_client_that_expects_100_continue_gets_it(port: int) -> None:
    with connect(port, POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n") as client:
        assert read_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 100")
        client.sendall(b"hello")
        read_until(client, b"hello")


def test_an_answer_arrives_although_the_client_continues_to_send(port: int) -> None:
    head = POST + b"Connection: close\r\nContent-Length: 99999999\r\n\r\n"
    with connect(port, head) as client:
        client.sendall(b"x" * 5_000_000)
        assert client.recv(65536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("body", [b"no size\r\n", b"3\r\nfour\r\n0\r\n\r\n"])
def test_a_malformed_body_is_answered_with_400(port: int, body: bytes) -> None:
    with connect(port, POST + b"Transfer-Encoding: chunked\r\n\r\n" + body) as client:
        assert client.recv(65536).startswith(b"HTTP/1.1 400")


def test_a_thread_that_answers_while_the_loop_wakes_up_still_wakes_it_the_next_time(tmp_path: Path) -> None:
    """Otherwise each further request on an open connection waits until the loop wakes up by itself."""
    # Threads switch as often as possible, so that the two meet within some hundred requests.
    application = f"import sys; sys.setswitchinterval(1e-6){APPLICATION}"
    with running_gunicorn(tmp_path, application, threads=CLIENTS) as port, ThreadPoolExecutor(CLIENTS) as pool:
        last_answers = list(pool.map(measure_last_answers, [port] * CLIENTS))
    assert max(map(min, last_answers)) < LOOP_SECONDS / 2


def measure_last_answers(port: int) -> list[float]:
    """Send requests on one connection, each after the thread has given it back; return the seconds of the last five."""
    seconds: deque[float] = deque(maxlen=5)
    with connect(port, b"") as client:
        for _ in range(200):
            began = time.monotonic()
            client.sendall(POST + b"Content-Length: 3\r\n\r\none")
            read_until(client, b"one")
            seconds.append(time.monotonic() - began)
            if len(seconds) == 5 and min(seconds) > LOOP_SECONDS / 2:
                break
            time.sleep(1.2 * NEXT_REQUEST_SECONDS)
    return list(seconds)


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="only Linux counts the segments of a connection")
def test_a_small_answer_is_one_packet(port: int) -> None:
    with connect(port, b"") as client:
        for _ in range(5):
            client.sendall(POST + b"Content-Length: 4\r\n\r\nbake")
            received = b""
            while not received.endswith(b"bake"):
                received += client.recv(1024)
        info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    assert struct.unpack_from("I", info, DATA_SEGMENTS_RECEIVED)[0] == 5


@pytest.mark.parametrize("request_line", [b"HEAD / HTTP/1.1", b"GET / HTTP/1.1"])
def test_an_answer_without_a_body_is_sent(port: int, request_line: bytes) -> None:
    with connect(port, request_line + b"\r\nHost: localhost\r\n\r\n") as client:
        assert client.recv(1024).startswith(b"HTTP/1.1 200 OK")


def test_an_application_that_fails_before_its_answer_is_answered_with_500(port: int) -> None:
    with connect(port, b"GET /broken HTTP/1.1\r\nHost: localhost\r\n\r\n") as client:
        assert client.recv(1024).startswith(b"HTTP/1.1 500")
