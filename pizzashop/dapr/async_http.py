"""HTTP for coroutines, with aiohttp: the same requests, replies and error as `http.py`."""

from collections.abc import Mapping

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from pizzashop import tracing
from pizzashop.dapr.http import CONNECT_SECONDS, MAX_IDLE_SECONDS, Reply
from pizzashop.errors import Unavailable


class AsyncHttpClient:
    """The client for the coroutines of one event loop. Close it there at the end."""

    def __init__(self) -> None:
        self._session: ClientSession | None = None

    async def request(
        self, method: str, url: str, timeout_seconds: float, *, data: str = "", headers: Mapping[str, str] = {}
    ) -> Reply:
        """Send one request and return the reply; raise Unavailable if none arrives within `timeout_seconds`, in total.

        Connecting has its own limit, CONNECT_SECONDS.
        """
        timeout = ClientTimeout(total=timeout_seconds, sock_connect=CONNECT_SECONDS)
        sent = {**headers, **tracing.trace_headers()}
        try:
            session = self._open_session()
            async with session.request(method, url, data=data.encode(), headers=sent, timeout=timeout) as response:
                body, status = await response.read(), response.status
                return Reply(status, body, {name.lower(): value for name, value in response.headers.items()})
        except (OSError, ClientError) as error:
            raise Unavailable(f"No answer from {url}: {error or type(error).__name__}") from error

    async def close(self) -> None:
        """Close the connections; another request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open_session(self) -> ClientSession:
        if self._session is None:
            # By default aiohttp opens at most 100 connections; more activities may wait for roles at a time.
            self._session = ClientSession(connector=TCPConnector(limit=0, keepalive_timeout=MAX_IDLE_SECONDS))
        return self._session
