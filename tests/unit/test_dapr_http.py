"""HTTP for threads and for coroutines: the same requests, the same answers, the same one error."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from fakes.daprd import FakeDaprd, open_daprd

from pizzashop.dapr.async_http import AsyncHttpClient
from pizzashop.dapr.http import HttpClient, Reply
from pizzashop.errors import Unavailable

Ask = Callable[..., Reply]


@pytest.fixture(params=["threads", "coroutines"])
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """`request` of either client."""
    if request.param == "threads":
        with HttpClient() as http:
            yield http.request
    else:
        with asyncio.Runner() as runner:
            http_of_loop = AsyncHttpClient()
            yield lambda *words, **more: runner.run(http_of_loop.request(*words, **more))
            runner.run(http_of_loop.close())


@pytest.fixture
def daprd() -> Iterator[FakeDaprd]:
    with open_daprd() as daprd:
        yield daprd


def test_a_reply_is_status_body_and_headers(ask: Ask, daprd: FakeDaprd) -> None:
    daprd.will_answer(201, {"a": 1}, X_Name="x")
    reply = ask("POST", f"http://127.0.0.1:{daprd.port}/path?x=1", data='{"ä": 1}', headers={"X-Y": "z"})
    assert (reply.status, reply.body, reply.headers["x-name"]) == (201, b'{"a": 1}', "x")
    (asked,) = daprd.asked
    assert (asked.method, asked.path, asked.content, asked.headers["x-y"]) == ("POST", "/path?x=1", {"ä": 1}, "z")


def test_an_error_is_a_reply_too(ask: Ask, daprd: FakeDaprd) -> None:
    daprd.will_answer(500)
    assert ask("GET", f"http://127.0.0.1:{daprd.port}/").status == 500


def test_a_connection_is_used_again(ask: Ask, daprd: FakeDaprd) -> None:
    for _ in range(3):
        daprd.will_answer(200)
        ask("GET", f"http://127.0.0.1:{daprd.port}/")
    assert daprd.connections == 1


class Server:
    """Takes connections one after the other; each does what `script` says with it, then closes it."""

    def __init__(self, script: list[bytes | None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(5)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self.asked = 0
        self.closed = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, args=(script,))
        self._thread.start()

    def _run(self, script: list[bytes | None]) -> None:
        for answer in script:
            connection, _ = self._listener.accept()
            with connection:
                if answer is not None and connection.recv(65536):
                    self.asked += 1
                    connection.sendall(answer)
            self.closed.release()

    def close(self) -> None:
        self._thread.join()
        self._listener.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*script: bytes | None) -> Server:
        servers.append(Server(list(script)))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_a_connection_that_was_closed_meanwhile_is_not_used(ask: Ask, serve: Callable[..., Server]) -> None:
    server = serve(OK, OK)
    assert ask("POST", server.url).body == b"ok"
    assert server.closed.acquire(timeout=5)
    assert ask("POST", server.url).body == b"ok"


@pytest.mark.parametrize("answer", [b"", OK[:20], OK[:-1], b"nonsense\r\n\r\n"], ids=["none", "head", "part", "other"])
def test_an_answer_that_breaks_off_is_unavailable_and_not_asked_for_again(
    ask: Ask, serve: Callable[..., Server], answer: bytes
) -> None:
    server = serve(answer)
    with pytest.raises(Unavailable):
        ask("POST", server.url)
    assert server.asked == 1


def test_an_answer_may_come_in_pieces(ask: Ask, serve: Callable[..., Server]) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\n"
    assert ask("GET", serve(chunked).url).body == b"ok!"


def test_where_the_server_says_so_the_connection_ends(ask: Ask, serve: Callable[..., Server]) -> None:
    closing = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    server = serve(closing, OK)
    assert [ask("GET", server.url).status for _ in range(2)] == [200, 200]


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of something that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def test_no_answer_in_time_is_unavailable(ask: Ask, silent: str) -> None:
    with pytest.raises(Unavailable):
        ask("GET", silent, 0.05)


def test_nobody_there_is_unavailable(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unavailable):
        ask("GET", f"http://127.0.0.1:{port}/")


def test_many_threads_share_it() -> None:
    with open_daprd() as daprd, HttpClient() as http:
        for _ in range(40):
            daprd.will_answer(200, {"n": 1})
        statuses: list[int] = []
        url = f"http://127.0.0.1:{daprd.port}/"
        threads = [
            threading.Thread(target=lambda: statuses.extend(http.request("GET", url).status for _ in range(5)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [200] * 40
        assert daprd.connections <= 8
