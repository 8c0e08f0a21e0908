"""A small HTTP/1.1 client for threads, with pooled connections, and the parts that `async_http.py` shares with it.

The client sends each request once: only its caller knows whether a second request would do harm. It notices when the
server has closed a pooled connection, and opens another. The caller gets Unavailable if the server does not answer in
time, or closes the connection during a request.
"""

import select
import socket
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser

from pizzashop.errors import Unavailable

CONNECT_SECONDS = 2.0
# Connections that were unused for longer are closed: servers close theirs after a minute.
MAX_IDLE_SECONDS = 30.0
_RECEIVE_BYTES = 64 * 1024

Address = tuple[str, int]


@dataclass(frozen=True)
class Reply:
    """An HTTP response: its status, its body, and its headers (names in lower case)."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class HttpClient:
    """The client; any number of threads may share it. Close it at the end, or use it in a `with` block."""

    def __init__(self) -> None:
        # The connection that was used last is used first, so that surplus ones become idle. Deques are thread-safe.
        self._idle: dict[Address, deque[tuple[socket.socket, float]]] = defaultdict(deque)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(
        self, method: str, url: str, timeout_seconds: float, *, data: str = "", headers: Mapping[str, str] = {}
    ) -> Reply:
        """Send one request and return the reply; raise Unavailable if none arrives.

        `timeout_seconds` limits sending as a whole, and then each single read: a server that keeps sending a few bytes
        can take longer in total. Connecting has its own limit, CONNECT_SECONDS.
        """
        return self.pipeline(method, [(url, data)], timeout_seconds, headers=headers)[0]

    def pipeline(
        self,
        method: str,
        requests: Sequence[tuple[str, str]],
        timeout_seconds: float,
        *,
        headers: Mapping[str, str] = {},
    ) -> list[Reply]:
        """Send requests (URL and data) to one server on one connection, without waiting for the replies in between.

        The server handles them one after another. Return the replies in the same order; fewer than requests if the
        connection ended early. Raise Unavailable if there is none. Time-outs are as in `request`, for each read.
        """
        encoded = [encode_request(method, url, data, headers) for url, data in requests]
        address = encoded[0][0]
        try:
            sock = self._acquire(address)
            parser = _exchange(sock, [message for _, message in encoded], timeout_seconds)
        except (OSError, Unavailable) as error:
            raise Unavailable(f"No answer from {requests[0][0]}: {error or type(error).__name__}") from error
        if parser.is_reusable and len(parser.replies) == len(requests):
            self._idle[address].append((sock, time.monotonic()))
        else:
            sock.close()
        return parser.replies[: len(requests)]

    def close(self) -> None:
        """Close the idle connections."""
        for idle in self._idle.values():
            while idle:
                idle.pop()[0].close()

    def _acquire(self, address: Address) -> socket.socket:
        idle = self._idle[address]
        while idle:
            try:
                sock, idle_since = idle.pop()
            except IndexError:
                # Another thread took the last one.
                break
            if time.monotonic() - idle_since < MAX_IDLE_SECONDS and not is_readable(sock.fileno()):
                return sock
            sock.close()
        sock = socket.create_connection(address, CONNECT_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


def _exchange(sock: socket.socket, messages: Sequence[bytes], timeout_seconds: float) -> "ReplyParser":
    parser = ReplyParser(len(messages))
    try:
        sock.settimeout(timeout_seconds)
        sock.sendall(b"".join(messages))
        while not parser.is_complete:
            parser.feed(sock.recv(_RECEIVE_BYTES))
    except (OSError, Unavailable):
        if not parser.replies:
            sock.close()
            raise
    except BaseException:
        # The rest of the reply may still arrive: the next request on this connection would take it for its own.
        sock.close()
        raise
    return parser


def encode_request(method: str, url: str, data: str, headers: Mapping[str, str]) -> tuple[Address, bytes]:
    """Return the address of the server in `url` (http, with a port) and the bytes of the request."""
    parts = urlsplit(url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    body = data.encode()
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"{method} {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
    return (parts.hostname or "", parts.port or 80), head.encode("latin-1") + body


def is_readable(file_descriptor: int, wait_seconds: float = 0) -> bool:
    """Return whether a socket has data or its end to read, or gets it within `wait_seconds`.

    An idle connection that is readable cannot be used: the server has closed it, or sent data that nobody requested.
    """
    poll = select.poll()
    poll.register(file_descriptor, select.POLLIN)
    return bool(poll.poll(1000 * wait_seconds))


class ReplyParser:
    """Parse the replies to `count` requests on one connection from the bytes that arrive."""

    def __init__(self, count: int = 1) -> None:
        self._parser = HttpResponseParser(self)
        self._count = count
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self.replies: list[Reply] = []
        # Whether the server keeps the connection open after the last reply.
        self.is_reusable = False

    @property
    def is_complete(self) -> bool:
        """Whether all replies have arrived."""
        return len(self.replies) >= self._count

    def feed(self, data: bytes) -> None:
        """Parse the next bytes; raise Unavailable if they are not HTTP, or empty, which means the connection's end."""
        if not data:
            raise Unavailable("the connection was closed")
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self.is_reusable = False
            raise Unavailable(f"not HTTP: {error}") from error

    # httptools calls these three.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, data: bytes) -> None:
        """Add a part of the body."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """Complete one reply."""
        self.replies.append(Reply(self._parser.get_status_code(), b"".join(self._body), self._headers))
        self._headers, self._body = {}, []
        self.is_reusable = self._parser.should_keep_alive()
