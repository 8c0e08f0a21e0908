"""The one door to Dapr: publish, invoke, and read and write state through the sidecar of a role."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from pizzashop.domain.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from pizzashop.http import READ_SECONDS, HttpClient, Reply
from pizzashop.roles import PUBSUB, STATE_STORE, TOPIC, Role

JSON = {"Content-Type": "application/json"}
Content = dict[str, Any]


class Stale(Exception):
    """A conditional write met another that came first: read again, and decide again."""


@dataclass(frozen=True)
class Stored:
    """A value of the state store with the ETag that a conditional write needs; None and "" where there is none."""

    value: bytes | None
    etag: str


class Sidecar(Protocol):
    """What the roles need of Dapr. Every method raises Unavailable where the sidecar, or what is behind it, is away."""

    def publish(self, event: Content) -> None:
        """Publish on the topic `orders`."""

    def invoke(self, role: Role, method: str, path: str, content: Any = None) -> Any:
        """Call another role and answer its JSON; raises Refused as that role said it."""

    async def ainvoke(self, role: Role, path: str, content: Any, seconds: float) -> Any:
        """POST to another role from a coroutine, and wait at most `seconds` for its answer."""

    async def apublish(self, event: Content) -> None:
        """Publish from a coroutine."""

    def load(self, key: str) -> Stored:
        """Read one value."""

    def load_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Read several values, in the order of `keys`."""

    def save(self, key: str, value: str, etag: str) -> None:
        """Write if the value still has `etag` ("": if there is none yet); raises Stale otherwise."""

    def delete(self, key: str, etag: str = "") -> None:
        """Delete if the value still has `etag` ("": in any case); raises Stale otherwise. None there is as good."""

    async def aput(self, key: str, value: str) -> None:
        """Write, whatever was there."""


class DaprSidecar:
    """The real one, over HTTP; `http_port` is the sidecar's."""

    def __init__(self, http: HttpClient, http_port: int, api_token: str = "") -> None:
        self._http = http
        self._base = f"http://127.0.0.1:{http_port}"
        self._headers = {**JSON, **({"dapr-api-token": api_token} if api_token else {})}

    def publish(self, event: Content) -> None:
        """Publish on the topic `orders`."""
        _expect_done(self._post(self._publish_path, json.dumps(event)))

    async def apublish(self, event: Content) -> None:
        """Publish from a coroutine."""
        _expect_done(await self._apost(self._publish_path, json.dumps(event)))

    def invoke(self, role: Role, method: str, path: str, content: Any = None) -> Any:
        """Call another role and answer its JSON."""
        body = None if content is None else json.dumps(content)
        headers = {**self._headers, "dapr-app-id": role.app_id}
        return _answer(self._http.request(method, self._base + path, data=body, headers=headers))

    async def ainvoke(self, role: Role, path: str, content: Any, seconds: float) -> Any:
        """POST to another role from a coroutine."""
        headers = {**self._headers, "dapr-app-id": role.app_id}
        url = self._base + path
        return _answer(await self._http.arequest("POST", url, seconds, data=json.dumps(content), headers=headers))

    def load(self, key: str) -> Stored:
        """Read one value."""
        url = f"{self._base}{self._state_path}/{quote(key)}"
        reply = self._http.request("GET", url, headers=self._headers)
        _expect_done(reply)
        return Stored(_unwrapped(reply.body), reply.headers.get("etag", ""))

    def load_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Read several values, in the order of `keys`."""
        if not keys:
            return []
        reply = self._post(f"{self._state_path}/bulk", json.dumps({"keys": list(keys), "parallelism": 16}))
        _expect_done(reply)
        items = json.loads(reply.body)
        broken = [item["error"] for item in items if item.get("error")]
        if broken:
            raise Unavailable(f"The state store did not answer: {broken[0]}")
        found = {item["key"]: item["data"].encode() for item in items if item.get("data") is not None}
        return [found.get(key) for key in keys]

    def save(self, key: str, value: str, etag: str) -> None:
        """Write if nothing changed since `etag` was read."""
        # No value ever has version 0: with that ETag the write succeeds only where there is none yet.
        options = f'"etag":"{etag or 0}","options":{{"concurrency":"first-write"}}'
        reply = self._post(self._state_path, f'[{{"key":"{key}","value":{_wrapped(value)},{options}}}]')
        if reply.status == 409:
            raise Stale(key)
        _expect_done(reply)

    def delete(self, key: str, etag: str = "") -> None:
        """Delete if nothing changed since `etag` was read."""
        url = f"{self._base}{self._state_path}/{quote(key)}"
        condition = {"If-Match": etag} if etag else {}
        reply = self._http.request("DELETE", url, headers={**self._headers, **condition})
        if reply.status == 409 and etag:
            raise Stale(key)
        _expect_done(reply)

    async def aput(self, key: str, value: str) -> None:
        """Write, whatever was there."""
        _expect_done(await self._apost(self._state_path, f'[{{"key":"{key}","value":{value}}}]'))

    _publish_path = f"/v1.0/publish/{PUBSUB}/{TOPIC}"
    _state_path = f"/v1.0/state/{STATE_STORE}"

    def _post(self, path: str, body: str) -> Reply:
        return self._http.request("POST", self._base + path, data=body, headers=self._headers)

    async def _apost(self, path: str, body: str) -> Reply:
        url = self._base + path
        return await self._http.arequest("POST", url, READ_SECONDS, data=body, headers=self._headers)


def _expect_done(reply: Reply) -> None:
    if reply.status >= 300:
        raise Unavailable(f"Dapr answered {reply.status}: {reply.body[:300].decode(errors='replace')}")


_REFUSALS: Mapping[int, Callable[..., Refused]] = {404: NotFound, 409: Conflict}


def _answer(reply: Reply) -> Any:
    """What a role said: its JSON, or its refusal raised again here; anything else is a fault."""
    if reply.status < 300:
        return _content(reply)
    problem = _problem(reply)
    if problem is None or reply.status >= 500 or reply.status == 429:
        raise Unavailable(f"No good answer: {reply.status} {reply.body[:300].decode(errors='replace')}")
    detail = str(problem.get("detail", ""))
    extra = {k: v for k, v in problem.items() if k not in ("type", "title", "status", "detail", "error", "errors")}
    if reply.status in _REFUSALS:
        raise _REFUSALS[reply.status](detail, **extra)
    raise Invalid(detail, problem.get("errors", ()))


def _content(reply: Reply) -> Any:
    try:
        return json.loads(reply.body)
    except ValueError:
        # A role that is killed while it answers: its sidecar passes on as much as it has got.
        raise Unavailable(f"Half an answer: {reply.body[:300].decode(errors='replace')!r}") from None


def _problem(reply: Reply) -> dict[str, Any] | None:
    if not reply.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    content = json.loads(reply.body)
    return content if isinstance(content, dict) else None


def _wrapped(value: str) -> str:
    # As a string inside JSON: the sidecar reads numbers as floats, and would write them back changed.
    return json.dumps(value)


def _unwrapped(body: bytes) -> bytes | None:
    return json.loads(body).encode() if body else None
