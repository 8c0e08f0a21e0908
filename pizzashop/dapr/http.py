"""HTTP for threads: pooled connections to a few servers, and one error for whatever keeps an answer away.

A request is sent once. Whether it may be sent again is for the caller to know: a connection that the server closed
meanwhile is noticed before it is used, and one that it closes just then is Unavailable like any other.
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
READ_SECONDS = 10.0
IDLE_SECONDS = 30.0
"""How long a connection may lie unused before it is not trusted any more: servers close theirs after a minute."""

Address = tuple[str, int]


@dataclass(frozen=True)
class Reply:
    """What came back: the HTTP status, the headers (names in lower case) and the body."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def request(method: str, url: str, data: str, headers: Mapping[str, str]) -> tuple[Address, bytes]:
    """Where to send a request for `url` (http, with a port), and its bytes."""
    parts = urlsplit(url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    body = data.encode()
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"{method} {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
    return (parts.hostname or "", parts.port or 80), head.encode("latin-1") + body


def is_silent(fileno: int, seconds: float = 0) -> bool:
    """Whether nothing comes in on a connection that lies idle, for `seconds`: neither an end nor anything else."""
    poll = select.poll()
    poll.register(fileno, select.POLLIN)
    return not poll.poll(1000 * seconds)


class Answers:
    """The answers to `count` requests on one connection as they come in, piece by piece, until all are there."""

    def __init__(self, count: int = 1) -> None:
        self._parser = HttpResponseParser(self)
        self._count = count
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self.replies: list[Reply] = []
        self.reusable = False

    @property
    def done(self) -> bool:
        """Whether all are there."""
        return len(self.replies) >= self._count

    def feed(self, piece: bytes) -> None:
        """Take in the next bytes; raises Unavailable where they are no HTTP, or there are none though more is due."""
        if not piece:
            raise Unavailable("the connection was closed")
        try:
            self._parser.feed_data(piece)
        except HttpParserError as error:
            self.reusable = False
            raise Unavailable(f"not HTTP: {error}") from error

    def on_header(self, name: bytes, value: bytes) -> None:
        """For the parser to call."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, piece: bytes) -> None:
        """For the parser to call."""
        self._body.append(piece)

    def on_message_complete(self) -> None:
        """For the parser to call."""
        self.replies.append(Reply(self._parser.get_status_code(), b"".join(self._body), self._headers))
        self._headers, self._body = {}, []
        self.reusable = self._parser.should_keep_alive()


RECEIVE_BYTES = 65536


class HttpClient:
    """Close it at the end, or use it in a `with`. For any number of threads."""

    def __init__(self) -> None:
        # The one that was used last is taken first, so that the others can grow old. Deques are safe among threads.
        self._idle: dict[Address, deque[tuple[socket.socket, float]]] = defaultdict(deque)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(
        self, method: str, url: str, seconds: float = READ_SECONDS, *, data: str = "", headers: Mapping[str, str] = {}
    ) -> Reply:
        """Send a request and wait for the answer, at most `seconds` for each part; raises Unavailable."""
        return self.requests(method, [(url, data)], seconds, headers=headers)[0]

    def requests(
        self,
        method: str,
        sent: Sequence[tuple[str, str]],
        seconds: float = READ_SECONDS,
        *,
        headers: Mapping[str, str] = {},
    ) -> list[Reply]:
        """Send requests (URL and data) to one server, one behind the other, which sees to one after another.

        Answers as many replies as came, in the same order; raises Unavailable where none did.
        """
        made = [request(method, url, data, headers) for url, data in sent]
        address = made[0][0]
        try:
            sock = self._take(address)
            answers = _exchange(sock, [message for _, message in made], seconds)
        except (OSError, Unavailable) as error:
            raise Unavailable(f"No answer from {sent[0][0]}: {error or type(error).__name__}") from error
        if answers.reusable and len(answers.replies) == len(made):
            self._idle[address].append((sock, time.monotonic()))
        else:
            sock.close()
        return answers.replies[: len(made)]

    def close(self) -> None:
        """Close the connections."""
        for idle in self._idle.values():
            while idle:
                idle.pop()[0].close()

    def _take(self, address: Address) -> socket.socket:
        idle = self._idle[address]
        while idle:
            try:
                sock, since = idle.pop()
            except IndexError:  # another thread was quicker
                break
            if time.monotonic() - since < IDLE_SECONDS and is_silent(sock.fileno()):
                return sock
            sock.close()
        sock = socket.create_connection(address, CONNECT_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


def _exchange(sock: socket.socket, messages: Sequence[bytes], seconds: float) -> Answers:
    answers = Answers(len(messages))
    try:
        sock.settimeout(seconds)
        sock.sendall(b"".join(messages))
        while not answers.done:
            answers.feed(sock.recv(RECEIVE_BYTES))
    except (OSError, Unavailable):
        if not answers.replies:
            sock.close()
            raise
    except BaseException:
        # Half an answer may still come: nobody else may take it for theirs.
        sock.close()
        raise
    return answers
