"""The client of a role's sidecar: state, publishing and service invocation over the HTTP API of Dapr.

All calls that a role makes through its sidecar are here, except those to the workflow engine, which uses gRPC.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote

from pizzashop import tracing
from pizzashop.dapr.batching import Batcher
from pizzashop.dapr.http import HttpClient, Reply
from pizzashop.dapr.replies import (
    error_message,
    json_object,
    raise_for_status,
    read_answer,
    unavailable_error,
)
from pizzashop.dapr.sidecar import ABSENT, INVOKE_SECONDS, EtagMismatch, Sidecar, StoredValue, Write
from pizzashop.dapr.stores import StoreDialect, find_dialect
from pizzashop.errors import Refused, Unavailable
from pizzashop.metrics import RoleMetrics
from pizzashop.roles import PUBSUB, STATE_STORE, TOPIC, Role

if TYPE_CHECKING:
    from pizzashop.dapr.async_http import AsyncHttpClient

T = TypeVar("T")

# Time-outs: docs/limits.md has all of them. For threads they limit each read of a reply (`http.py`), for coroutines the
# whole call (`async_http.py`).
STATE_SECONDS = 10.0
PUBLISH_SECONDS = 10.0

# The sidecar accepts 4 MB in one request.
MAX_BATCH_BYTES = 1024 * 1024
READ_PARALLELISM = 16

METADATA_PATH = "/v1.0/metadata"
SHUTDOWN_PATH = "/v1.0/shutdown"
STATE_PATH = f"/v1.0/state/{STATE_STORE}"
PUBLISH_PATH = f"/v1.0/publish/{PUBSUB}/{TOPIC}"
BULK_PUBLISH_PATH = f"/v1.0-alpha1/publish/bulk/{PUBSUB}/{TOPIC}"


class SidecarClient(Sidecar):
    """A `Sidecar` that listens on `http_port` of this machine.

    Threads that load, save or publish at the same time share one request. An event waits for others for up to
    `publish_window` seconds.
    """

    def __init__(
        self,
        http: HttpClient,
        http_port: int,
        api_token: str = "",
        *,
        publish_window: float = 0.0,
        metrics: RoleMetrics | None = None,
    ) -> None:
        self._http, self._metrics = http, metrics or RoleMetrics()
        self._base_url = f"http://127.0.0.1:{http_port}"
        token = {"dapr-api-token": api_token} if api_token else {}
        self._headers = {"Content-Type": "application/json", **token}
        self._load_batcher = Batcher(self._load_batch, name="load states")
        self._save_batcher = Batcher(self._save_batch, name="save states")
        self._publish_batcher = Batcher(self._publish_batch, window_seconds=publish_window, name="publish events")

    # State

    def load(self, key: str) -> StoredValue:
        return self._load_batcher(key)

    def load_many(self, keys: Sequence[str]) -> list[StoredValue]:
        values = self._load_batch(keys) if keys else []
        for value in values:
            if isinstance(value, Exception):
                raise value
        return [value for value in values if isinstance(value, StoredValue)]

    def save(self, key: str, value: str, etag: str) -> None:
        if self.save_many([Write(key, value, etag)]) != [True]:
            raise EtagMismatch(key)

    def save_many(self, writes: Sequence[Write]) -> list[bool]:
        return self._save_batcher(writes) if writes else []

    def delete(self, key: str, etag: str = "") -> None:
        condition = {"If-Match": etag} if etag else {}
        with self._counted("delete"):
            reply = self._http.request(
                "DELETE", self._state_url(key), STATE_SECONDS, headers={**self._headers, **condition}
            )
            is_mismatch = bool(etag) and self._is_etag_mismatch(reply)
            if not is_mismatch:
                raise_for_status(reply)
        # Some stores refuse to delete an absent key.
        if is_mismatch and self.load(key).value is not None:
            self._metrics.store_conflicts.inc()
            raise EtagMismatch(key)

    def predict_etag(self, etag: str) -> str | None:
        return self._dialect.predict_etag(etag)

    async def aput(self, key: str, json_value: str) -> None:
        with self._counted("save"):
            raise_for_status(await self._apost(STATE_PATH, f'[{{"key":"{key}","value":{json_value}}}]', STATE_SECONDS))

    def _load_batch(self, keys: Sequence[str]) -> list[StoredValue | Exception]:
        if len(keys) == 1:
            return [self._load_single(keys[0])]
        body = json.dumps({"keys": list(keys), "parallelism": READ_PARALLELISM})
        with self._counted("load_many"):
            reply = self._post(f"{STATE_PATH}/bulk", body, STATE_SECONDS)
            raise_for_status(reply)
        items = {item["key"]: item for item in json.loads(reply.body)}
        values = [_decode_bulk_item(items[key]) for key in keys]
        if self._dialect.is_bulk_absence_certain:
            return values
        return [self._load_single(key) if value == ABSENT else value for key, value in zip(keys, values, strict=True)]

    def _load_single(self, key: str) -> StoredValue:
        with self._counted("load"):
            reply = self._http.request("GET", self._state_url(key), STATE_SECONDS, headers=self._headers)
            raise_for_status(reply)
        return StoredValue(_decode_single_value(reply.body), reply.headers.get("etag", ""))

    def _save_batch(self, batch: Sequence[Sequence[Write]]) -> list[list[bool]]:
        """Save the writes of several threads; return for each thread which of its writes succeeded."""
        encoded = [(write, _encode_write(write, self._dialect)) for writes in batch for write in writes]
        parts = _split_by_size(encoded, lambda item: len(item[1]))
        results = iter([result for part in parts for result in self._save_in_one_request(part)])
        return [[next(results) for _ in writes] for writes in batch]

    def _save_in_one_request(self, encoded: Sequence[tuple[Write, str]]) -> list[bool]:
        with self._counted("save"):
            reply = self._post(STATE_PATH, f"[{','.join(text for _, text in encoded)}]", STATE_SECONDS)
            is_mismatch = self._is_etag_mismatch(reply)
            if not is_mismatch:
                raise_for_status(reply)
        if not is_mismatch:
            return [True] * len(encoded)
        are_written = self._find_written([write for write, _ in encoded])
        self._metrics.store_conflicts.inc(are_written.count(False))
        return are_written

    def _find_written(self, writes: Sequence[Write]) -> list[bool]:
        """Return for each write of a request whether it succeeded. The sidecar only says that one of them did not."""
        if len(writes) == 1:
            return [False]
        present = self.load_many([write.key for write in writes])
        return [stored.value == write.value.encode() for stored, write in zip(present, writes, strict=True)]

    @cached_property
    def _dialect(self) -> StoreDialect:
        """The dialect of the store behind the sidecar, which it names."""
        return find_dialect(self._metadata().get("components", []))

    def _is_etag_mismatch(self, reply: Reply) -> bool:
        """Return whether the store refused a conditional write or delete because of its ETag alone."""
        return reply.status >= 300 and self._dialect.is_etag_mismatch(reply.status, error_message(reply))

    def _state_url(self, key: str) -> str:
        return f"{self._base_url}{STATE_PATH}/{quote(key)}"

    # Publishing

    def publish(self, events: Sequence[dict[str, Any]]) -> int:
        return self._publish_batcher([_encode_event(event) for event in events])

    async def apublish(self, event: dict[str, Any]) -> None:
        encoded = _encode_event(event)
        with self._counted("publish"):
            raise_for_status(await self._apost(encoded.publish_path, encoded.text, PUBLISH_SECONDS))

    def _publish_batch(self, batch: Sequence[Sequence["_Event"]]) -> list[int | Exception]:
        """Publish the events of several threads.

        Return for each thread how many events, from the first on, were published, or the error if there is none.
        """
        events = [event for thread_events in batch for event in thread_events]
        parts = _split_by_size(events, lambda event: len(event.text))
        errors = iter([error for part in parts for error in self._publish_and_count(part)])
        return [_count_published([next(errors) for _ in thread_events]) for thread_events in batch]

    def _publish_and_count(self, events: Sequence["_Event"]) -> list[Exception | None]:
        errors = self._publish_in_one_request(events)
        self._metrics.sidecar_requests("publish", "failed" if any(errors) else "ok").inc()
        return errors

    def _publish_in_one_request(self, events: Sequence["_Event"]) -> list[Exception | None]:
        """Return for each event why it was not published; None if it was."""
        try:
            if len(events) == 1:
                reply = self._post(events[0].publish_path, events[0].text, PUBLISH_SECONDS)
            else:
                reply = self._post(BULK_PUBLISH_PATH, _encode_bulk(events), PUBLISH_SECONDS)
        except Unavailable as error:
            return [error] * len(events)
        if reply.status < 300:
            return [None] * len(events)
        failed_entries = (json_object(reply) or {}).get("failedEntries") or []
        failed = {entry["entryId"]: entry.get("error") for entry in failed_entries}
        if not failed:
            return [unavailable_error(reply)] * len(events)
        entry_ids = [str(number) for number in range(len(events))]
        return [Unavailable(f"Not published: {failed[each]}") if each in failed else None for each in entry_ids]

    # Service invocation

    def invoke(self, role: Role, method: str, path: str, content: Any = None, seconds: float = INVOKE_SECONDS) -> Any:
        body = "" if content is None else json.dumps(content)
        url, headers = self._base_url + path, {**self._headers, "dapr-app-id": role.app_id}
        with self._counted("invoke"):
            return read_answer(self._http.request(method, url, seconds, data=body, headers=headers))

    async def ainvoke(self, role: Role, path: str, content: Any, seconds: float) -> Any:
        url, headers = self._base_url + path, {**self._headers, "dapr-app-id": role.app_id}
        with self._counted("invoke"):
            reply = await self.async_http.request("POST", url, seconds, data=json.dumps(content), headers=headers)
            return read_answer(reply)

    # The sidecar itself

    def count_workers(self) -> int:
        return int(self._metadata().get("workflows", {}).get("connectedWorkers", 0))

    def shut_down(self) -> None:
        raise_for_status(self._post(SHUTDOWN_PATH, "", STATE_SECONDS))

    def _metadata(self) -> dict[str, Any]:
        reply = self._http.request("GET", f"{self._base_url}{METADATA_PATH}", STATE_SECONDS, headers=self._headers)
        raise_for_status(reply)
        return json_object(reply) or {}

    # Requests

    @contextmanager
    def _counted(self, operation: str) -> Iterator[None]:
        """Count the block's request to the sidecar: as ok also if it raises Refused, as failed for any other error."""
        result = "failed"
        try:
            yield
            result = "ok"
        except Refused:
            # Another role has answered, so the sidecar did its work.
            result = "ok"
            raise
        finally:
            self._metrics.sidecar_requests(operation, result).inc()

    def _post(self, path: str, body: str, timeout_seconds: float) -> Reply:
        return self._http.request("POST", self._base_url + path, timeout_seconds, data=body, headers=self._headers)

    async def _apost(self, path: str, body: str, timeout_seconds: float) -> Reply:
        url = self._base_url + path
        return await self.async_http.request("POST", url, timeout_seconds, data=body, headers=self._headers)

    @cached_property
    def async_http(self) -> "AsyncHttpClient":
        """The HTTP client of the coroutines. Their event loop, which is the SDK's, ends with the process."""
        # Only role `workflow` has coroutines: the processes of other roles do not import asyncio.
        from pizzashop.dapr.async_http import AsyncHttpClient

        return AsyncHttpClient()


def _count_published(errors: Sequence[Exception | None]) -> int | Exception:
    """Return how many events come before the first error; that error if there are none."""
    for number, error in enumerate(errors):
        if error is not None:
            return number or error
    return len(errors)


class _Event(NamedTuple):
    """An event as JSON, its order, and the context of the span that publishes it.

    Kafka keeps the events of one key, the order, in the sequence in which they came.
    """

    text: str
    order_id: str
    traceparent: str | None

    @property
    def publish_path(self) -> str:
        return f"{PUBLISH_PATH}?metadata.partitionKey={quote(self.order_id)}"

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata of the event in a bulk. Without a context of its own it would get that of the request."""
        context = {"cloudevent.traceparent": self.traceparent} if self.traceparent else {}
        return {"partitionKey": self.order_id, **context}


def _encode_event(event: dict[str, Any]) -> _Event:
    return _Event(json.dumps(event), event["order_id"], tracing.current_traceparent())


def _encode_bulk(events: Sequence[_Event]) -> str:
    entries = (
        f'{{"entryId":"{number}","event":{event.text},"contentType":"application/json",'
        f'"metadata":{json.dumps(event.metadata)}}}'
        for number, event in enumerate(events)
    )
    return f"[{','.join(entries)}]"


def _encode_write(write: Write, dialect: StoreDialect) -> str:
    # The value is a string inside the JSON: the sidecar would parse numbers as floats and write them back changed.
    condition = f'"etag":"{write.etag}"' if write.etag else dialect.create_condition
    options = f'{condition},"options":{{"concurrency":"first-write"}}'
    return f'{{"key":"{write.key}","value":{json.dumps(write.value)},{options}}}'


def _decode_single_value(body: bytes) -> bytes | None:
    try:
        return _decode_value(json.loads(body)) if body else None
    except ValueError:
        return body


def _decode_bulk_item(item: dict[str, Any]) -> StoredValue | Exception:
    if item.get("error"):
        return Unavailable(f"The state store did not answer: {item['error']}")
    return StoredValue(None if item.get("data") is None else _decode_value(item["data"]), item.get("etag") or "")


def _decode_value(value: Any) -> bytes:
    # The shop writes strings. Another program wrote anything else, and the reader of the value will report it.
    return (value if isinstance(value, str) else json.dumps(value)).encode(errors="replace")


def _split_by_size(items: Sequence[T], size: Callable[[T], int]) -> Iterator[Sequence[T]]:
    """Split a list into parts of at most MAX_BATCH_BYTES each; a larger item is a part of its own."""
    start, total = 0, 0
    for number, item in enumerate(items):
        total += size(item)
        if total > MAX_BATCH_BYTES and number > start:
            yield items[start:number]
            start, total = number, size(item)
    if items:
        yield items[start:]
