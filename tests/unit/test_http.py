"""One HTTP client for a process, for threads and coroutines alike."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
from fakes.daprd import open_daprd

from pizzashop.domain.errors import Unavailable
from pizzashop.http import HttpClient


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with HttpClient() as http:
        yield http


def test_a_reply_is_status_body_and_headers(http: HttpClient) -> None:
    with open_daprd() as daprd:
        daprd.will_answer(201, {"a": 1}, X_Name="x")
        reply = http.request("POST", f"http://127.0.0.1:{daprd.port}/path", data="{}")
    assert (reply.status, reply.body, reply.headers["x-name"]) == (201, b'{"a": 1}', "x")


def test_an_error_is_a_reply_too(http: HttpClient) -> None:
    with open_daprd() as daprd:
        daprd.will_answer(500)
        reply = asyncio.run(http.arequest("GET", f"http://127.0.0.1:{daprd.port}/"))
    assert reply.status == 500


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of something that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def test_no_answer_in_time_is_unavailable(http: HttpClient, silent: str) -> None:
    with pytest.raises(Unavailable):
        http.request("GET", silent, 0.05)
    with pytest.raises(Unavailable):
        asyncio.run(http.arequest("GET", silent, 0.05))


def test_nobody_there_is_unavailable(http: HttpClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unavailable):
        http.request("GET", f"http://127.0.0.1:{port}/")


def test_it_ends_its_thread() -> None:
    http = HttpClient()
    assert "http" in {thread.name for thread in threading.enumerate()}
    http.close()
    assert "http" not in {thread.name for thread in threading.enumerate()}
