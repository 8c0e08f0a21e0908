"""HTTP for threads: the standard library's connections, kept open and shared by all threads of a process.

The client sends each request once: only its caller knows whether a second request would do harm. It notices when the
server has closed a pooled connection, and opens another. The caller gets Unavailable if the server does not answer in
time, or closes the connection during a request.
"""

import select
import socket
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Self
from urllib.parse import urlsplit

from pizzashop import tracing
from pizzashop.errors import Unavailable

CONNECT_SECONDS = 2.0
# Connections that were unused for longer are closed: servers close theirs after a minute.
MAX_IDLE_SECONDS = 30.0


@dataclass(frozen=True)
class Reply:
    """An HTTP response: its status, its body, and its headers (names in lower case)."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class HttpClient:
    """The client; any number of threads may share it. Close it at the end, or use it in a `with` block."""

    def __init__(self) -> None:
        # By server. The connection that was used last is used first, so that surplus ones become idle.
        self._idle: dict[str, deque[tuple[HTTPConnection, float]]] = defaultdict(deque)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(
        self, method: str, url: str, timeout_seconds: float, *, data: str = "", headers: Mapping[str, str] = {}
    ) -> Reply:
        """Send one request and return the reply; raise Unavailable if none arrives.

        `timeout_seconds` limits each write and each read: a server that keeps sending a few bytes can take longer in
        total. Connecting has its own limit, CONNECT_SECONDS. The request carries the context of the present span.
        """
        parts = urlsplit(url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        try:
            connection = self._acquire(parts.netloc)
            try:
                connection.sock.settimeout(timeout_seconds)
                connection.request(method, target, data.encode(), {**headers, **tracing.trace_headers()})
                response = connection.getresponse()
                if response.length is None and not response.chunked:
                    # A server that dies within the headers looks like one that ends the body by closing.
                    raise HTTPException("the connection was closed within the headers")
                reply = Reply(response.status, response.read(), {k.lower(): v for k, v in response.getheaders()})
            except BaseException:
                # The rest of the reply may still arrive: the next request here would take it for its own.
                connection.close()
                raise
        except (OSError, HTTPException) as error:
            raise Unavailable(f"No answer from {url}: {error or type(error).__name__}") from error
        if response.will_close:
            connection.close()
        else:
            self._idle[parts.netloc].append((connection, time.monotonic()))
        return reply

    def close(self) -> None:
        """Close the idle connections."""
        for idle in self._idle.values():
            while idle:
                idle.pop()[0].close()

    def _acquire(self, server: str) -> HTTPConnection:
        idle = self._idle[server]
        while idle:
            try:
                connection, idle_since = idle.pop()
            except IndexError:
                # Another thread took the last one.
                break
            if time.monotonic() - idle_since < MAX_IDLE_SECONDS and not is_readable(connection.sock.fileno()):
                return connection
            connection.close()
        connection = HTTPConnection(server, timeout=CONNECT_SECONDS)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


def is_readable(file_descriptor: int, wait_seconds: float = 0) -> bool:
    """Return whether a socket has data or its end to read, or gets it within `wait_seconds`.

    An idle connection that is readable cannot be used: the server has closed it, or sent data that nobody requested.
    """
    poll = select.poll()
    poll.register(file_descriptor, select.POLLIN)
    return bool(poll.poll(1000 * wait_seconds))
