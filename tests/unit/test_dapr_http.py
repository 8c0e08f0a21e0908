"""The HTTP clients for threads and for coroutines send the same requests and raise the same error."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import pytest
from fakes.daprd import FakeDaprd, open_daprd

from pizzashop.dapr.async_http import AsyncHttpClient
from pizzashop.dapr.http import HttpClient, Reply
from pizzashop.errors import Unavailable

Send = Callable[..., Reply]
T = TypeVar("T")

TIMEOUT_SECONDS = 5.0
SLOW_TIMEOUT_SECONDS = 0.25


@pytest.fixture(params=["threads", "coroutines"])
def send(request: pytest.FixtureRequest) -> Iterator[Send]:
    """A function that sends a request with one of the clients."""

    def send_from_thread(method: str, url: str, seconds: float = TIMEOUT_SECONDS, **options: Any) -> Reply:
        return client.request(method, url, seconds, **options)

    def send_from_coroutine(method: str, url: str, seconds: float = TIMEOUT_SECONDS, **options: Any) -> Reply:
        return run(async_client.request(method, url, seconds, **options))

    def run(coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    if request.param == "threads":
        with HttpClient() as client:
            yield send_from_thread
    else:
        # As in the SDK, the loop runs all the time. Otherwise it would not notice in time that a server has closed.
        loop, async_client = asyncio.new_event_loop(), AsyncHttpClient()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        yield send_from_coroutine
        run(async_client.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def daprd() -> Iterator[FakeDaprd]:
    with open_daprd() as daprd:
        yield daprd


def test_a_reply_has_status_body_and_headers(send: Send, daprd: FakeDaprd) -> None:
    daprd.will_answer(201, {"a": 1}, X_Name="x")
    reply = send("POST", f"http://127.0.0.1:{daprd.port}/path?x=1", data='{"ä": 1}', headers={"X-Y": "z"})
    assert (reply.status, reply.body, reply.headers["x-name"]) == (201, b'{"a": 1}', "x")
    (asked,) = daprd.asked
    assert (asked.method, asked.path, asked.content, asked.headers["x-y"]) == ("POST", "/path?x=1", {"ä": 1}, "z")


def test_an_error_status_is_returned_as_a_reply(send: Send, daprd: FakeDaprd) -> None:
    daprd.will_answer(500)
    assert send("GET", f"http://127.0.0.1:{daprd.port}/").status == 500


def test_a_connection_is_reused(send: Send, daprd: FakeDaprd) -> None:
    for _ in range(3):
        daprd.will_answer(200)
        send("GET", f"http://127.0.0.1:{daprd.port}/")
    assert daprd.connections == 1


class Server:
    """Accept one connection after another; on each, read a request, send the next answer, and close it."""

    def __init__(self, answers: list[bytes]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(TIMEOUT_SECONDS)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self.request_count = 0
        self.closed = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, args=(answers,))
        self._thread.start()

    def _run(self, answers: list[bytes]) -> None:
        for answer in answers:
            connection, _ = self._listener.accept()
            with connection:
                if connection.recv(65536):
                    self.request_count += 1
                    connection.sendall(answer)
            self.closed.release()

    def close(self) -> None:
        self._thread.join()
        self._listener.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*answers: bytes) -> Server:
        servers.append(Server(list(answers)))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_a_connection_that_the_server_has_closed_is_replaced(send: Send, serve: Callable[..., Server]) -> None:
    server = serve(OK, OK)
    assert send("POST", server.url).body == b"ok"
    assert server.closed.acquire(timeout=TIMEOUT_SECONDS)
    assert send("POST", server.url).body == b"ok"


@pytest.mark.parametrize(
    "answer", [b"", OK[:20], OK[:-1], b"nonsense\r\n\r\n"], ids=["no answer", "half a head", "half a body", "not HTTP"]
)
def test_an_incomplete_answer_is_unavailable_and_the_request_is_not_repeated(
    send: Send, serve: Callable[..., Server], answer: bytes
) -> None:
    server = serve(answer)
    with pytest.raises(Unavailable):
        send("POST", server.url)
    assert server.request_count == 1


def test_an_answer_may_be_chunked(send: Send, serve: Callable[..., Server]) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\n"
    assert send("GET", serve(chunked).url).body == b"ok!"


def test_the_client_closes_a_connection_when_the_server_says_so(send: Send, serve: Callable[..., Server]) -> None:
    closing = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    server = serve(closing, OK)
    assert [send("GET", server.url).status for _ in range(2)] == [200, 200]


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def test_a_server_that_does_not_answer_in_time_is_unavailable(send: Send, silent: str) -> None:
    with pytest.raises(Unavailable):
        send("GET", silent, 0.05)


@pytest.fixture
def slow() -> Iterator[str]:
    """The URL of a server that answers one request byte by byte, which takes longer than SLOW_TIMEOUT_SECONDS."""

    def answer_slowly() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            for byte in OK:
                connection.sendall(bytes([byte]))
                time.sleep(2 * SLOW_TIMEOUT_SECONDS / len(OK))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_slowly)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join()


def test_the_time_out_of_threads_is_for_each_read(slow: str) -> None:
    with HttpClient() as client:
        assert client.request("GET", slow, SLOW_TIMEOUT_SECONDS).body == b"ok"


def test_the_time_out_of_coroutines_is_for_the_whole_answer(slow: str) -> None:
    async def send_and_close() -> None:
        client = AsyncHttpClient()
        try:
            await client.request("GET", slow, SLOW_TIMEOUT_SECONDS)
        finally:
            await client.close()

    with pytest.raises(Unavailable):
        asyncio.run(send_and_close())


def test_a_port_on_which_nothing_listens_is_unavailable(send: Send) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unavailable):
        send("GET", f"http://127.0.0.1:{port}/")


def test_threads_share_a_client_and_its_connections() -> None:
    with open_daprd() as daprd, HttpClient() as client:
        for _ in range(40):
            daprd.will_answer(200, {"n": 1})
        statuses: list[int] = []

        def send_five_requests() -> None:
            for _ in range(5):
                statuses.append(client.request("GET", f"http://127.0.0.1:{daprd.port}/", TIMEOUT_SECONDS).status)

        threads = [threading.Thread(target=send_five_requests) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [200] * 40
        assert daprd.connections <= 8
