"""The HTTP/1.1 client of `http.py` for coroutines: it runs on the event loop of its caller, without threads."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Mapping

from pizzashop.dapr.http import (
    CONNECT_SECONDS,
    MAX_IDLE_SECONDS,
    Address,
    Reply,
    ReplyParser,
    encode_request,
    is_readable,
)
from pizzashop.errors import Unavailable


class AsyncHttpClient:
    """A client for the coroutines of one event loop, in which it has to be closed too."""

    def __init__(self) -> None:
        self._idle: dict[Address, deque[_Connection]] = defaultdict(deque)

    async def request(
        self, method: str, url: str, timeout_seconds: float, *, data: str = "", headers: Mapping[str, str] = {}
    ) -> Reply:
        """Send one request and return the reply; raise Unavailable if none arrives.

        `timeout_seconds` limits sending and the whole reply in total. Connecting has its own limit, CONNECT_SECONDS.
        """
        address, message = encode_request(method, url, data, headers)
        try:
            connection = await self._acquire(address)
            parser = await connection.exchange(message, timeout_seconds)
        except (OSError, Unavailable) as error:
            raise Unavailable(f"No answer from {url}: {error or type(error).__name__}") from error
        if parser.is_reusable:
            self._idle[address].append(connection)
        else:
            connection.close()
        return parser.replies[0]

    async def close(self) -> None:
        """Close the idle connections."""
        for idle in self._idle.values():
            while idle:
                idle.pop().close()
        # Transports close in the next turn of the event loop.
        await asyncio.sleep(0)

    async def _acquire(self, address: Address) -> "_Connection":
        idle = self._idle[address]
        while idle:
            connection = idle.pop()
            if connection.is_usable:
                return connection
            connection.close()
        async with asyncio.timeout(CONNECT_SECONDS):
            return (await asyncio.get_running_loop().create_connection(_Connection, *address))[1]


class _Connection(asyncio.Protocol):
    """One connection, with at most one request in flight."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._is_open = True
        self._last_used = 0.0
        self._parser = ReplyParser()
        self._in_flight: asyncio.Future[ReplyParser] | None = None

    @property
    def is_usable(self) -> bool:
        """Whether the connection is open and was used recently."""
        is_fresh = self._is_open and time.monotonic() - self._last_used < MAX_IDLE_SECONDS
        return is_fresh and not is_readable(self._transport.get_extra_info("socket").fileno())

    async def exchange(self, message: bytes, timeout_seconds: float) -> ReplyParser:
        """Send a request and wait for its reply."""
        if not self._is_open:
            raise Unavailable("the connection was closed")
        self._parser, self._in_flight = ReplyParser(), asyncio.get_running_loop().create_future()
        self._transport.write(message)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._in_flight
        except BaseException:
            self.close()
            raise
        finally:
            self._in_flight, self._last_used = None, time.monotonic()

    def close(self) -> None:
        """Close the connection."""
        self._is_open = False
        self._transport.close()

    # asyncio calls these three. It has set TCP_NODELAY on the connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._in_flight is None or self._in_flight.done():
            # No request is in flight, so this is no reply.
            self.close()
            return
        try:
            self._parser.feed(data)
        except Unavailable as error:
            self._in_flight.set_exception(error)
        else:
            if self._parser.is_complete:
                self._in_flight.set_result(self._parser)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_open = False
        if self._in_flight is not None and not self._in_flight.done():
            self._in_flight.set_exception(Unavailable(f"the connection was closed: {exc or 'too early'}"))
