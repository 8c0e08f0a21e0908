"""HTTP/1.1 as bytes: a request written, an answer read. What carries them is for `http` and `async_http` to say."""

import select
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser

from pizzashop.domain.errors import Unavailable

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
