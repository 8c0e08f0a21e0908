"""HTTP to the shop, one call at a time, with time-outs and with the shop's errors as our own."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from pizzashop.console.output import one_line_text
from pizzashop.errors import Conflict, InvalidRequest, NotAllowed, NotFound, ShopError, Unavailable

if TYPE_CHECKING:
    from aiohttp import ClientSession

_ERRORS: Mapping[int, type[ShopError]] = {
    400: InvalidRequest,
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    413: InvalidRequest,
    415: InvalidRequest,
    503: Unavailable,
}


class ShopClosed(Unavailable):
    """Nothing listens where the shop should; `door` says where."""

    def __init__(self, door: str) -> None:
        super().__init__(f"The shop is not open: nothing answers on {door}. Open it with `make up` or `pizzashop up`.")


def error_from(status: int, answer: Any, door: str) -> ShopError:
    """The error that an answer with this HTTP status stands for; `answer` is its JSON, or None."""
    problem = answer if isinstance(answer, dict) else {}
    detail = problem.get("detail") or problem.get("error") or problem.get("title")
    if not isinstance(detail, str):
        return ShopError(f"What answers on {door} is not the shop (HTTP {status}).")
    if status == 401:
        detail = f"{detail.rstrip('.')}: put your token into PIZZASHOP_STAFF_TOKEN."
    return _ERRORS.get(status, ShopError)(_sentence(detail, problem.get("errors")))


def _sentence(detail: str, errors: Any) -> str:
    fields = [each for each in errors or () if isinstance(each, dict)] if isinstance(errors, list) else []
    missing = [f"{each.get('field')}: {each.get('message')}" for each in fields]
    # The detail often names the fields already.
    more = "; ".join(each for each in missing if each not in detail)
    said = f"{detail.rstrip('.')}: {more}" if more else detail
    return one_line_text(said) if said[-1:] in ".!?" else f"{one_line_text(said)}."


class Client:
    """Calls the shop and waits for the answer; opens at the first call (time-outs in seconds)."""

    def __init__(self, connect: float = 2.0, read: float = 10.0, token: str = "") -> None:
        self._connect = connect
        self._read = read
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._runner: asyncio.Runner | None = None
        self._session: ClientSession | None = None

    def get(self, url: str, query: Mapping[str, str] | None = None) -> Any:
        """GET; the answer's JSON, or an error of the shop."""
        return self._call("GET", url, params=query or {})

    def post(self, url: str, body: Mapping[str, Any]) -> Any:
        """POST `body` as JSON; the answer's JSON, or an error of the shop."""
        return self._call("POST", url, json=body)

    def delete(self, url: str) -> Any:
        """DELETE; the answer's JSON, or an error of the shop."""
        return self._call("DELETE", url)

    def close(self) -> None:
        """Give the connections back."""
        if self._runner:
            if self._session:
                self._runner.run(self._session.close())
            self._runner.close()
        self._runner = self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _call(self, method: str, url: str, **content: Any) -> Any:
        self._runner = self._runner or asyncio.Runner()
        status, answer = self._runner.run(self._exchange(method, url, content))
        if status >= 300:
            raise error_from(status, answer, _door(url))
        if answer is None:
            raise ShopError(f"What answers on {_door(url)} is not the shop.")
        return answer

    async def _exchange(self, method: str, url: str, content: dict[str, Any]) -> tuple[int, Any]:
        # Loaded here because it takes longer than all the rest of the command, and `--help` needs none of it.
        import aiohttp

        self._session = self._session or aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, connect=self._connect, sock_read=self._read),
            headers=self._headers,
        )
        try:
            async with self._session.request(method, url, allow_redirects=False, **content) as response:
                return response.status, _parse(await response.read())
        except aiohttp.ClientConnectorError:
            raise ShopClosed(_door(url)) from None
        except TimeoutError:
            raise Unavailable(f"The shop does not answer on {_door(url)}; it may be too busy.") from None
        except aiohttp.ClientError:
            raise Unavailable(f"The connection to the shop on {_door(url)} was lost.") from None


def _parse(content: bytes) -> Any:
    import json

    try:
        return json.loads(content)
    except ValueError:
        return None


def _door(url: str) -> str:
    return f"port {urlsplit(url).port}"
