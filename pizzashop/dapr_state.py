"""The state store behind a sidecar: what several threads read or write at a time goes there in one request."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from pizzashop import replies
from pizzashop.dapr_channel import DaprChannel, in_parts
from pizzashop.domain.errors import Unavailable
from pizzashop.http import HttpClient
from pizzashop.roles import STATE_STORE
from pizzashop.sidecar import Stale, Stored, Write
from pizzashop.together import Together

PATH = f"/v1.0/state/{STATE_STORE}"
AT_ONCE = 16


class DaprState(DaprChannel):
    """Reads and writes values."""

    def __init__(self, http: HttpClient, http_port: int, api_token: str = "") -> None:
        super().__init__(http, http_port, api_token)
        self._load_together = Together(self._load_all)
        self._save_together = Together(self._save_all)

    def load(self, key: str) -> Stored:
        """Read one value."""
        return self._load_together(key)

    def load_many(self, keys: Sequence[str]) -> list[Stored]:
        """Read several values, in the order of `keys`."""
        found = self._load_all(keys) if keys else []
        for each in found:
            if isinstance(each, Exception):
                raise each
        return [each for each in found if isinstance(each, Stored)]

    def save(self, key: str, value: str, etag: str) -> None:
        """Write if nothing changed since `etag` was read."""
        if self.save_many([Write(key, value, etag)]) != [True]:
            raise Stale(key)

    def save_many(self, writes: Sequence[Write]) -> list[bool]:
        """Write each value of which nothing changed since its `etag` was read; answers which were written."""
        return self._save_together(writes) if writes else []

    def delete(self, key: str, etag: str = "") -> None:
        """Delete if nothing changed since `etag` was read."""
        condition = {"If-Match": etag} if etag else {}
        reply = self._http.request("DELETE", self._url(key), headers={**self._headers, **condition})
        if reply.status == 409 and etag:
            raise replies.store_fault(reply) or Stale(key)
        replies.expect_done(reply)

    async def aput(self, key: str, value: str) -> None:
        """Write, whatever was there."""
        replies.expect_done(await self._apost(PATH, f'[{{"key":"{key}","value":{value}}}]'))

    def _load_all(self, keys: Sequence[str]) -> list[Stored | Exception]:
        if len(keys) == 1:
            reply = self._http.request("GET", self._url(keys[0]), headers=self._headers)
            replies.expect_done(reply)
            return [Stored(_unwrapped(reply.body), reply.headers.get("etag", ""))]
        reply = self._post(f"{PATH}/bulk", json.dumps({"keys": list(keys), "parallelism": AT_ONCE}))
        replies.expect_done(reply)
        items = {item["key"]: item for item in json.loads(reply.body)}
        return [_found(items[key]) for key in keys]

    def _save_all(self, wishes: Sequence[Sequence[Write]]) -> list[list[bool]]:
        writes = [write for wish in wishes for write in wish]
        written: list[bool] = []
        for part in in_parts([_said(write) for write in writes]):
            written += self._save_part(part, writes[len(written) : len(written) + len(part)])
        done = iter(written)
        return [[next(done) for _ in wish] for wish in wishes]

    def _save_part(self, said: Sequence[str], writes: Sequence[Write]) -> list[bool]:
        reply = self._post(PATH, f"[{','.join(said)}]")
        if reply.status != 409:
            replies.expect_done(reply)
            return [True] * len(writes)
        if fault := replies.store_fault(reply):
            raise fault
        if len(writes) == 1:
            return [False]
        # Some were written, and the sidecar does not say which.
        present = self.load_many([write.key for write in writes])
        return [stored.value == write.value.encode() for stored, write in zip(present, writes, strict=True)]

    def _url(self, key: str) -> str:
        return f"{self._base}{PATH}/{quote(key)}"


def _said(write: Write) -> str:
    # No value ever has version 0: with that ETag the write succeeds only where there is none yet. The value goes as a
    # string inside JSON: the sidecar reads numbers as floats, and would write them back changed.
    options = f'"etag":"{write.etag or 0}","options":{{"concurrency":"first-write"}}'
    return f'{{"key":"{write.key}","value":{json.dumps(write.value)},{options}}}'


def _found(item: dict[str, Any]) -> Stored | Exception:
    if item.get("error"):
        return Unavailable(f"The state store did not answer: {item['error']}")
    return Stored(None if item.get("data") is None else _text(item["data"]), item.get("etag") or "")


def _unwrapped(body: bytes) -> bytes | None:
    try:
        return _text(json.loads(body)) if body else None
    except ValueError:
        return body


def _text(value: Any) -> bytes:
    # What is no string was written by somebody else: whoever reads it finds out whether it makes sense.
    return (value if isinstance(value, str) else json.dumps(value)).encode(errors="replace")
