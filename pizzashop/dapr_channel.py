"""The way to a sidecar's HTTP port, for threads and for coroutines."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from pizzashop.http import HttpClient
from pizzashop.wire import READ_SECONDS, Reply

if TYPE_CHECKING:
    from pizzashop.async_http import AsyncHttpClient

MAX_BYTES = 1024 * 1024
"""How much is sent in one request for many: the sidecar takes no more than 4 MB."""


class DaprChannel:
    """The sidecar that listens on `http_port` of this machine."""

    def __init__(self, http: HttpClient, http_port: int, api_token: str = "") -> None:
        self._http = http
        self._base = f"http://127.0.0.1:{http_port}"
        token = {"dapr-api-token": api_token} if api_token else {}
        self._headers = {"Content-Type": "application/json", **token}

    @cached_property
    def _async_http(self) -> "AsyncHttpClient":
        # Role `workflow` alone has coroutines: no other needs to load asyncio.
        from pizzashop.async_http import AsyncHttpClient

        return AsyncHttpClient()

    async def aclose(self) -> None:
        """Close what the coroutines have opened, from their event loop."""
        await self._async_http.close()

    def _post(self, path: str, body: str) -> Reply:
        return self._http.request("POST", self._base + path, data=body, headers=self._headers)

    def _post_in_a_row(self, sent: Sequence[tuple[str, str]]) -> list[Reply]:
        """POST bodies to paths, one after another on one connection; as many replies as came, at least one."""
        return self._http.requests("POST", [(self._base + path, body) for path, body in sent], headers=self._headers)

    async def _apost(self, path: str, body: str) -> Reply:
        url = self._base + path
        return await self._async_http.request("POST", url, READ_SECONDS, data=body, headers=self._headers)


def in_parts(texts: Sequence[str], most: int = MAX_BYTES) -> Iterator[Sequence[str]]:
    """Cut a list into parts that are each small enough for one request; never in the midst of a text."""
    start, size = 0, 0
    for number, text in enumerate(texts):
        size += len(text)
        if size > most and number > start:
            yield texts[start:number]
            start, size = number, len(text)
    if texts:
        yield texts[start:]
