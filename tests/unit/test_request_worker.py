"""The worker under gunicorn's own arbiter, with one thread: no slow client occupies it."""

import logging
import os
import selectors
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from gunicorn.config import Config
from gunicorn.workers.base import Worker
from shop_client import eventually

from pizzashop.local.ports import http_ok
from pizzashop.server import request_worker
from pizzashop.server.request_worker import ClientConnection, RequestWorker

APPLICATION = """
def application(environ, start_response):
    body = environ["wsgi.input"].read()
    if environ["PATH_INFO"] == "/large":
        body = b"x" * 300_000
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an application that echoes the body of a request."""
    folder = tmp_path_factory.mktemp("application")
    (folder / "echo.py").write_text(APPLICATION)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    with ExitStack() as stack:
        process = stack.enter_context(start_gunicorn(folder, port))
        stack.callback(process.kill)
        eventually(lambda: http_ok(port, "/"))
        yield port
        process.terminate()
        assert process.wait(timeout=15) == 0


def start_gunicorn(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    worker = [
        "--worker-class",
        "pizzashop.server.request_worker.RequestWorker",
        "--threads",
        "1",
        "--no-control-socket",
    ]
    bind = ["--bind", f"127.0.0.1:{port}", "echo:application"]
    return subprocess.Popen([sys.executable, "-m", "gunicorn", *worker, *bind], cwd=folder)


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


def test_a_thread_that_answers_while_the_loop_wakes_up_still_wakes_it_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read(fileno: int, size: int) -> bytes:
        # Another thread may do this just before the loop reads.
        worker._give_back(connections.pop())
        return real_read(fileno, size)

    real_read = os.read
    connections = [ClientConnection(socket.socket(), None, None) for _ in range(3)]
    worker = RequestWorker(0, 0, [], None, 30, Config(), logging.getLogger())  # type: ignore[arg-type]
    worker.PIPE, worker.alive = os.pipe(), False  # type: ignore[assignment]
    for end in worker.PIPE:
        os.set_blocking(end, False)
    monkeypatch.setattr(Worker, "init_process", lambda _: None)
    monkeypatch.setattr(worker, "notify", lambda: None)
    worker.init_process()
    with ExitStack() as stack:
        stack.callback(lambda: [os.close(end) for end in worker.PIPE])
        stack.callback(worker.tmp.close)
        stack.callback(worker._selector.close)
        worker._selector.register(worker.PIPE[0], selectors.EVENT_READ)
        worker._give_back(connections.pop())
        with monkeypatch.context() as racing:
            racing.setattr(request_worker.os, "read", read)
            worker._run_loop_once()
        worker._give_back(connections.pop())
        assert worker._selector.select(0), "the loop sleeps although a connection was given back"
        worker._run_loop_once()
