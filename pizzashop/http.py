"""One pooled HTTP client for a process, on an event loop of its own, for threads and for coroutines alike."""

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import aiohttp

from pizzashop.domain.errors import Unavailable

CONNECT_SECONDS = 2.0
READ_SECONDS = 10.0

T = TypeVar("T")


@dataclass(frozen=True)
class Reply:
    """What came back: the HTTP status, the headers (names in lower case) and the body."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class HttpClient:
    """Open it after the fork, close it at the end; or use it in a `with`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="http", daemon=True)
        self._thread.start()
        self._session = self._run(self._open())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(self, method: str, url: str, seconds: float = READ_SECONDS, **options: Any) -> Reply:
        """Send a request and wait for the answer, at most `seconds`; raises Unavailable where none comes."""
        return self._run(self._send(method, url, seconds, options))

    async def arequest(self, method: str, url: str, seconds: float = READ_SECONDS, **options: Any) -> Reply:
        """As `request`, from a coroutine on any event loop."""
        sending = self._send(method, url, seconds, options)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(sending, self._loop))

    def close(self) -> None:
        """Close the connections and end the loop."""
        self._run(self._session.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> aiohttp.ClientSession:
        # auto_decompress and cookies cost time, and nothing here uses them.
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

    async def _send(self, method: str, url: str, seconds: float, options: dict[str, Any]) -> Reply:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=seconds)
        try:
            async with self._session.request(method, url, timeout=timeout, **options) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"No answer from {url}: {error or type(error).__name__}") from error
        return Reply(response.status, body, {name.lower(): value for name, value in response.headers.items()})

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
