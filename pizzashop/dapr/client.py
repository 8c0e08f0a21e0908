"""The one door to Dapr: the sidecar of a role, over HTTP."""

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pizzashop.dapr import replies
from pizzashop.dapr.batching import Batcher
from pizzashop.dapr.http import READ_SECONDS, HttpClient, Reply
from pizzashop.dapr.sidecar import Content, ETagMismatch, StoredValue, Write
from pizzashop.errors import Unavailable
from pizzashop.roles import PUBSUB, STATE_STORE, TOPIC, Role

if TYPE_CHECKING:
    from pizzashop.dapr.async_http import AsyncHttpClient

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
        from pizzashop.dapr.async_http import AsyncHttpClient

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


STATE_PATH = f"/v1.0/state/{STATE_STORE}"
READ_PARALLELISM = 16


class DaprState(DaprChannel):
    """Reads and writes values."""

    def __init__(self, http: HttpClient, http_port: int, api_token: str = "") -> None:
        super().__init__(http, http_port, api_token)
        self._load_together = Batcher(self._load_all)
        self._save_together = Batcher(self._save_all)

    def load(self, key: str) -> StoredValue:
        """Read one value."""
        return self._load_together(key)

    def load_many(self, keys: Sequence[str]) -> list[StoredValue]:
        """Read several values, in the order of `keys`."""
        found = self._load_all(keys) if keys else []
        for each in found:
            if isinstance(each, Exception):
                raise each
        return [each for each in found if isinstance(each, StoredValue)]

    def save(self, key: str, value: str, etag: str) -> None:
        """Write if nothing changed since `etag` was read."""
        if self.save_many([Write(key, value, etag)]) != [True]:
            raise ETagMismatch(key)

    def save_many(self, writes: Sequence[Write]) -> list[bool]:
        """Write each value of which nothing changed since its `etag` was read; answers which were written."""
        return self._save_together(writes) if writes else []

    def delete(self, key: str, etag: str = "") -> None:
        """Delete if nothing changed since `etag` was read."""
        condition = {"If-Match": etag} if etag else {}
        reply = self._http.request("DELETE", self._url(key), headers={**self._headers, **condition})
        if reply.status == 409 and etag:
            raise replies.store_fault(reply) or ETagMismatch(key)
        replies.expect_done(reply)

    async def aput(self, key: str, value: str) -> None:
        """Write, whatever was there."""
        replies.expect_done(await self._apost(STATE_PATH, f'[{{"key":"{key}","value":{value}}}]'))

    def _load_all(self, keys: Sequence[str]) -> list[StoredValue | Exception]:
        if len(keys) == 1:
            reply = self._http.request("GET", self._url(keys[0]), headers=self._headers)
            replies.expect_done(reply)
            return [StoredValue(_unwrapped(reply.body), reply.headers.get("etag", ""))]
        reply = self._post(f"{STATE_PATH}/bulk", json.dumps({"keys": list(keys), "parallelism": READ_PARALLELISM}))
        replies.expect_done(reply)
        items = {item["key"]: item for item in json.loads(reply.body)}
        return [_found(items[key]) for key in keys]

    def _save_all(self, wishes: Sequence[Sequence[Write]]) -> list[list[bool]]:
        writes = [write for wish in wishes for write in wish]
        written: list[bool] = []
        for part in in_parts([_write_json(write) for write in writes]):
            written += self._save_part(part, writes[len(written) : len(written) + len(part)])
        done = iter(written)
        return [[next(done) for _ in wish] for wish in wishes]

    def _save_part(self, said: Sequence[str], writes: Sequence[Write]) -> list[bool]:
        reply = self._post(STATE_PATH, f"[{','.join(said)}]")
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
        return f"{self._base}{STATE_PATH}/{quote(key)}"


def _write_json(write: Write) -> str:
    # No value ever has version 0: with that ETag the write succeeds only where there is none yet. The value goes as a
    # string inside JSON: the sidecar reads numbers as floats, and would write them back changed.
    options = f'"etag":"{write.etag or 0}","options":{{"concurrency":"first-write"}}'
    return f'{{"key":"{write.key}","value":{json.dumps(write.value)},{options}}}'


def _found(item: dict[str, Any]) -> StoredValue | Exception:
    if item.get("error"):
        return Unavailable(f"The state store did not answer: {item['error']}")
    return StoredValue(None if item.get("data") is None else _text(item["data"]), item.get("etag") or "")


def _unwrapped(body: bytes) -> bytes | None:
    try:
        return _text(json.loads(body)) if body else None
    except ValueError:
        return body


def _text(value: Any) -> bytes:
    # What is no string was written by somebody else: whoever reads it finds out whether it makes sense.
    return (value if isinstance(value, str) else json.dumps(value)).encode(errors="replace")


PUBLISH_PATH = f"/v1.0/publish/{PUBSUB}/{TOPIC}"
BULK_PUBLISH_PATH = f"/v1.0-alpha1/publish/bulk/{PUBSUB}/{TOPIC}"

NumberedEvent = tuple[int, str]
"""An event, and the number of the row that it is in."""


class DaprTopic(DaprChannel):
    """Publishes; who calls goes on when the topic has his own events."""

    def __init__(self, http: HttpClient, http_port: int, api_token: str = "") -> None:
        super().__init__(http, http_port, api_token)
        self._publish_together = Batcher(self._publish_all)

    def publish(self, events: Sequence[Content]) -> int:
        """Publish events of one order, one after another; answers how many of them, from the first on, are out."""
        return self._publish_together([json.dumps(event) for event in events])

    async def apublish(self, event: Content) -> None:
        """Publish from a coroutine."""
        replies.expect_done(await self._apost(PUBLISH_PATH, json.dumps(event)))

    def _publish_all(self, rows: Sequence[Sequence[str]]) -> list[int | Exception]:
        """Publish rows of events; answers for each how many of it, from the first on, are out, or why none is."""
        # The sidecar publishes what is in a bulk side by side, and what comes on a connection one after another.
        bulks = [bulk for column in _columns(rows) for bulk in _bulks(column)]
        answered = self._post_in_a_row([_publish_request([event for _, event in bulk]) for bulk in bulks])
        out, failed = [0] * len(rows), dict[int, Exception]()
        for bulk, reply in zip_longest(bulks, answered):
            for (number, _), error in zip(bulk, _errors(reply, len(bulk)), strict=True):
                if error is not None:
                    failed.setdefault(number, error)
                elif number not in failed:
                    out[number] += 1
        return [out[number] or failed[number] for number in range(len(rows))]


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[list[NumberedEvent]]:
    """What comes first in each row, what comes second, and so on."""
    for place in range(max(map(len, rows))):
        yield [(number, row[place]) for number, row in enumerate(rows) if place < len(row)]


def _bulks(column: list[NumberedEvent]) -> Iterator[list[NumberedEvent]]:
    """A column in parts that are each small enough for one request."""
    left = iter(column)
    for part in in_parts([event for _, event in column]):
        yield list(islice(left, len(part)))


def _publish_request(events: Sequence[str]) -> tuple[str, str]:
    """The path and the body that publish these."""
    if len(events) == 1:
        return PUBLISH_PATH, events[0]
    entries = (
        f'{{"entryId":"{number}","event":{event},"contentType":"application/json"}}'
        for number, event in enumerate(events)
    )
    return BULK_PUBLISH_PATH, f"[{','.join(entries)}]"


def _errors(reply: Reply | None, count: int) -> list[Exception | None]:
    """What kept each entry of a request from being published; None where nothing did."""
    if reply is None:
        return [Unavailable("Not published: no answer")] * count
    if reply.status < 300:
        return [None] * count
    failed = {each["entryId"]: each.get("error") for each in _failed_entries(reply)}
    if not failed:
        return [replies.fault(reply)] * count
    return [Unavailable(f"Not published: {failed[each]}") if (each := str(n)) in failed else None for n in range(count)]


def _failed_entries(reply: Reply) -> list[dict[str, Any]]:
    try:
        content = json.loads(reply.body)
    except ValueError:
        return []
    entries = content.get("failedEntries") if isinstance(content, dict) else None
    return entries or []


class SidecarClient(DaprState, DaprTopic):
    """State and topic, and the other roles."""

    def invoke(self, role: Role, method: str, path: str, content: Any = None) -> Any:
        """Call another role and answer its JSON."""
        body = "" if content is None else json.dumps(content)
        headers = {**self._headers, "dapr-app-id": role.app_id}
        return replies.answer(self._http.request(method, self._base + path, data=body, headers=headers))

    async def ainvoke(self, role: Role, path: str, content: Any, seconds: float) -> Any:
        """POST to another role from a coroutine."""
        headers = {**self._headers, "dapr-app-id": role.app_id}
        url, body = self._base + path, json.dumps(content)
        return replies.answer(await self._async_http.request("POST", url, seconds, data=body, headers=headers))
