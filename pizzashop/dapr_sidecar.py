"""The one door to Dapr: the sidecar of a role, over HTTP."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from pizzashop import replies
from pizzashop.async_http import AsyncHttpClient
from pizzashop.domain.errors import Unavailable
from pizzashop.http import HttpClient
from pizzashop.roles import PUBSUB, STATE_STORE, TOPIC, Role
from pizzashop.sidecar import Content, Stale, Stored
from pizzashop.wire import READ_SECONDS, Reply

JSON = {"Content-Type": "application/json"}


class DaprSidecar:
    """The sidecar that listens on `http_port` of this machine."""

    def __init__(self, http: HttpClient, http_port: int, api_token: str = "") -> None:
        self._http, self._async_http = http, AsyncHttpClient()
        self._base = f"http://127.0.0.1:{http_port}"
        self._headers = {**JSON, **({"dapr-api-token": api_token} if api_token else {})}

    def publish(self, event: Content) -> None:
        """Publish on the topic `orders`."""
        replies.expect_done(self._post(self._publish_path, json.dumps(event)))

    async def apublish(self, event: Content) -> None:
        """Publish from a coroutine."""
        replies.expect_done(await self._apost(self._publish_path, json.dumps(event)))

    def invoke(self, role: Role, method: str, path: str, content: Any = None) -> Any:
        """Call another role and answer its JSON."""
        body = "" if content is None else json.dumps(content)
        headers = {**self._headers, "dapr-app-id": role.app_id}
        return replies.answer(self._http.request(method, self._base + path, data=body, headers=headers))

    async def ainvoke(self, role: Role, path: str, content: Any, seconds: float) -> Any:
        """POST to another role from a coroutine."""
        headers = {**self._headers, "dapr-app-id": role.app_id}
        url = self._base + path
        return replies.answer(
            await self._async_http.request("POST", url, seconds, data=json.dumps(content), headers=headers)
        )

    def load(self, key: str) -> Stored:
        """Read one value."""
        url = f"{self._base}{self._state_path}/{quote(key)}"
        reply = self._http.request("GET", url, headers=self._headers)
        replies.expect_done(reply)
        return Stored(_unwrapped(reply.body), reply.headers.get("etag", ""))

    def load_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Read several values, in the order of `keys`."""
        if not keys:
            return []
        reply = self._post(f"{self._state_path}/bulk", json.dumps({"keys": list(keys), "parallelism": 16}))
        replies.expect_done(reply)
        items = json.loads(reply.body)
        broken = [item["error"] for item in items if item.get("error")]
        if broken:
            raise Unavailable(f"The state store did not answer: {broken[0]}")
        found = {item["key"]: _text(item["data"]) for item in items if item.get("data") is not None}
        return [found.get(key) for key in keys]

    def save(self, key: str, value: str, etag: str) -> None:
        """Write if nothing changed since `etag` was read."""
        # No value ever has version 0: with that ETag the write succeeds only where there is none yet.
        options = f'"etag":"{etag or 0}","options":{{"concurrency":"first-write"}}'
        reply = self._post(self._state_path, f'[{{"key":"{key}","value":{_wrapped(value)},{options}}}]')
        if reply.status == 409:
            raise Stale(key)
        replies.expect_done(reply)

    def delete(self, key: str, etag: str = "") -> None:
        """Delete if nothing changed since `etag` was read."""
        url = f"{self._base}{self._state_path}/{quote(key)}"
        condition = {"If-Match": etag} if etag else {}
        reply = self._http.request("DELETE", url, headers={**self._headers, **condition})
        if reply.status == 409 and etag:
            raise Stale(key)
        replies.expect_done(reply)

    async def aclose(self) -> None:
        """Close what the coroutines have opened, from their event loop."""
        await self._async_http.close()

    async def aput(self, key: str, value: str) -> None:
        """Write, whatever was there."""
        replies.expect_done(await self._apost(self._state_path, f'[{{"key":"{key}","value":{value}}}]'))

    _publish_path = f"/v1.0/publish/{PUBSUB}/{TOPIC}"
    _state_path = f"/v1.0/state/{STATE_STORE}"

    def _post(self, path: str, body: str) -> Reply:
        return self._http.request("POST", self._base + path, data=body, headers=self._headers)

    async def _apost(self, path: str, body: str) -> Reply:
        url = self._base + path
        return await self._async_http.request("POST", url, READ_SECONDS, data=body, headers=self._headers)


def _wrapped(value: str) -> str:
    # As a string inside JSON: the sidecar reads numbers as floats, and would write them back changed.
    return json.dumps(value)


def _unwrapped(body: bytes) -> bytes | None:
    try:
        return _text(json.loads(body)) if body else None
    except ValueError:
        return body


def _text(value: Any) -> bytes:
    # What is no string was written by somebody else: whoever reads it finds out whether it makes sense.
    return (value if isinstance(value, str) else json.dumps(value)).encode(errors="replace")
