"""A sidecar in memory: a state store with ETags, a topic, and calls of the other roles."""

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from flask import Flask
from werkzeug.test import TestResponse

from pizzashop import tracing
from pizzashop.dapr.http import Reply
from pizzashop.dapr.replies import read_answer
from pizzashop.dapr.sidecar import INVOKE_SECONDS, EtagMismatch, StoredValue, Write
from pizzashop.errors import Unavailable
from pizzashop.roles import ORDER, Role

Content = dict[str, Any]


class ProcessCrash(BaseException):
    """The process crashed during a write."""


class FakeSidecar:
    """The sidecar of all roles. Its store has the ETags of Redis; with `random_etags`, those of PostgreSQL.

    `is_down` makes it unavailable, `roles_down` single roles behind it. After `writes_before_crash` writes the process
    crashes. With `delivers_events` each published event is delivered at once; otherwise a test delivers it.
    """

    # The default; the option `--store` of pytest sets it.
    has_random_etags = False

    def __init__(self, app_token: str = "", *, random_etags: bool | None = None) -> None:
        if random_etags is not None:
            self.has_random_etags = random_etags
        self.apps: dict[Role, Flask] = {}
        self._headers = {"dapr-api-token": app_token} if app_token else {}
        self.published: list[Content] = []
        self.invoked: list[tuple[Role, str]] = []
        self.is_down = False
        self.roles_down: set[Role] = set()
        self.writes_before_crash: int | None = None
        self.delivers_events = False
        self.workers, self.shutdowns = 1, 0
        self.on_publish: Callable[[Content], None] = lambda _: None
        self._values: dict[str, tuple[str, str]] = {}
        self._reads: list[str] = []
        self._lock = threading.Lock()

    def publish(self, events: Sequence[Content]) -> int:
        for count, event in enumerate(events):
            if count and self.is_down:
                return count
            self._publish(event)
        return len(events)

    async def apublish(self, event: Content) -> None:
        self._publish(event)

    def _publish(self, event: Content) -> None:
        self._require_up()
        self.published.append(json.loads(json.dumps(event)))
        if self.delivers_events:
            self.deliver(event)
        self.on_publish(event)

    def invoke(
        self,
        role: Role,
        method: str,
        path: str,
        content: Any = None,
        seconds: float = INVOKE_SECONDS,  # noqa: ARG002
    ) -> Any:
        self._require_up()
        if role in self.roles_down:
            raise Unavailable(f"{role.name} is down")
        self.invoked.append((role, path))
        body = {} if content is None else {"json": content}
        headers = {"Dapr-Caller-App-Id": "pizza-other", **self._headers, **tracing.trace_headers()}
        return _answer(self.apps[role].test_client().open(path, method=method, headers=headers, **body))

    async def ainvoke(self, role: Role, path: str, content: Any, seconds: float) -> Any:  # noqa: ARG002
        return self.invoke(role, "POST", path, content)

    def load(self, key: str) -> StoredValue:
        self._require_up()
        self._reads.append(key)
        if key not in self._values:
            return StoredValue(None, "")
        value, etag = self._values[key]
        return StoredValue(value.encode(), etag)

    def load_many(self, keys: Sequence[str]) -> list[StoredValue]:
        return [self.load(key) for key in keys]

    def save(self, key: str, value: str, etag: str) -> None:
        self._require_up()
        self._count_write()
        with self._lock:
            _, present = self._values.get(key, ("", ""))
            # When the key is absent, Redis accepts a write with any ETag.
            if etag != present and (present or self.has_random_etags):
                raise EtagMismatch(key)
            self._values[key] = value, self._next_etag(present)

    def save_many(self, writes: Sequence[Write]) -> list[bool]:
        return [self._try_save(write) for write in writes]

    def predict_etag(self, etag: str) -> str | None:
        return None if self.has_random_etags else self._next_etag(etag)

    def delete(self, key: str, etag: str = "") -> None:
        self._require_up()
        self._count_write()
        with self._lock:
            if etag and key in self._values and etag != self._values[key][1]:
                raise EtagMismatch(key)
            self._values.pop(key, None)

    async def aput(self, key: str, json_value: str) -> None:
        self._require_up()
        self._values[key] = json_value, self._next_etag(self._values.get(key, ("", ""))[1])

    def count_workers(self) -> int:
        self._require_up()
        return self.workers

    def shut_down(self) -> None:
        self._require_up()
        self.shutdowns += 1

    def count_reads(self) -> list[str]:
        """Return a list that grows by the key of each read from now on."""
        self._reads = []
        return self._reads

    def stored_keys(self) -> set[str]:
        return set(self._values)

    def stored_text(self) -> str:
        """Return all stored values as one text."""
        return "\n".join(value for value, _ in self._values.values())

    def deliver(self, *events: Content) -> None:
        """Deliver events to role `order` in one bulk, as Dapr does."""
        entries = [{"entryId": str(n), "event": cloud_event(event)} for n, event in enumerate(events)]
        answer = self.apps[ORDER].test_client().post("/orders-sub", json={"entries": entries}, headers=self._headers)
        assert [each["status"] for each in answer.json["statuses"]] == ["SUCCESS"] * len(events)

    def _next_etag(self, etag: str) -> str:
        return str(uuid4()) if self.has_random_etags else str(int(etag or "0") + 1)

    def _try_save(self, write: Write) -> bool:
        try:
            self.save(*write)
        except EtagMismatch:
            return False
        return True

    def _count_write(self) -> None:
        if self.writes_before_crash is not None:
            self.writes_before_crash -= 1
            if self.writes_before_crash < 0:
                raise ProcessCrash

    def _require_up(self) -> None:
        if self.is_down:
            raise Unavailable("the sidecar is down")


def cloud_event(data: Any) -> Content:
    """Wrap an event as Dapr does. It belongs to the trace of the request that publishes it."""
    return {
        **tracing.trace_headers(),
        "specversion": "1.0",
        "id": "1",
        "source": "pizza-kitchen",
        "type": "com.dapr.event.sent",
        "datacontenttype": "application/json",
        "topic": "orders",
        "pubsubname": "pizzapubsub",
        "data": data,
    }


def _answer(response: TestResponse) -> Any:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return read_answer(Reply(response.status_code, response.data, headers))
