"""HTTP for coroutines: as `http`, on the event loop of whoever calls, with no thread in between."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Mapping

from pizzashop.dapr.http import CONNECT_SECONDS, IDLE_SECONDS, READ_SECONDS, Address, Answers, Reply, is_silent, request
from pizzashop.errors import Unavailable


class AsyncHttpClient:
    """For the coroutines of one event loop, in which it is closed too."""

    def __init__(self) -> None:
        self._idle: dict[Address, deque[_Connection]] = defaultdict(deque)

    async def request(
        self, method: str, url: str, seconds: float = READ_SECONDS, *, data: str = "", headers: Mapping[str, str] = {}
    ) -> Reply:
        """Send a request and wait for the answer, at most `seconds`; raises Unavailable where none comes."""
        address, message = request(method, url, data, headers)
        try:
            connection = await self._take(address)
            answers = await connection.exchange(message, seconds)
        except (OSError, Unavailable) as error:
            raise Unavailable(f"No answer from {url}: {error or type(error).__name__}") from error
        if answers.reusable:
            self._idle[address].append(connection)
        else:
            connection.close()
        return answers.replies[0]

    async def close(self) -> None:
        """Close the connections."""
        for idle in self._idle.values():
            while idle:
                idle.pop().close()
        await asyncio.sleep(0)

    async def _take(self, address: Address) -> "_Connection":
        idle = self._idle[address]
        while idle:
            connection = idle.pop()
            if connection.usable:
                return connection
            connection.close()
        async with asyncio.timeout(CONNECT_SECONDS):
            return (await asyncio.get_running_loop().create_connection(_Connection, *address))[1]


class _Connection(asyncio.Protocol):
    """One connection: a request on its way at most, or none."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._open = True
        self._used_at = 0.0
        self._answers = Answers()
        self._waiting: asyncio.Future[Answers] | None = None

    @property
    def usable(self) -> bool:
        fresh = self._open and time.monotonic() - self._used_at < IDLE_SECONDS
        return fresh and is_silent(self._transport.get_extra_info("socket").fileno())

    async def exchange(self, message: bytes, seconds: float) -> Answers:
        if not self._open:
            raise Unavailable("the connection was closed")
        self._answers, self._waiting = Answers(), asyncio.get_running_loop().create_future()
        self._transport.write(message)
        try:
            async with asyncio.timeout(seconds):
                return await self._waiting
        except BaseException:
            self.close()
            raise
        finally:
            self._waiting, self._used_at = None, time.monotonic()

    def close(self) -> None:
        self._open = False
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport  # asyncio has set TCP_NODELAY

    def data_received(self, data: bytes) -> None:
        if self._waiting is None or self._waiting.done():
            self.close()  # what nobody asked for
            return
        try:
            self._answers.feed(data)
        except Unavailable as error:
            self._waiting.set_exception(error)
        else:
            if self._answers.done:
                self._waiting.set_result(self._answers)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Unavailable(f"the connection was closed: {exc or 'too early'}"))
