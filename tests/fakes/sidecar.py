"""A sidecar in memory: state with ETags, a topic that delivers when it is told to, and the other roles' routes."""

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from pizzashop.dapr.http import Reply
from pizzashop.dapr.replies import read_answer
from pizzashop.dapr.sidecar import EtagMismatch, StoredValue, Write
from pizzashop.errors import Unavailable
from pizzashop.roles import ORDER, Role

Content = dict[str, Any]


class Died(BaseException):
    """The process that was at it is dead."""


class FakeSidecar:
    """The sidecar of every role at once; `away` makes it unreachable, `gone` one of the roles behind it."""

    def __init__(self, app_token: str = "") -> None:
        self.apps: dict[Role, Flask] = {}
        self._shows = {"dapr-api-token": app_token} if app_token else {}
        self.published: list[Content] = []
        self.invoked: list[tuple[Role, str]] = []
        self.away = False
        self.gone: set[Role] = set()
        self.writes_left: int | None = None  # after so many more, whoever writes dies
        self.delivers_at_once = False
        self.on_publish: Callable[[Content], None] = lambda _: None
        self._values: dict[str, tuple[str, int]] = {}
        self._reads: list[str] = []
        self._lock = threading.Lock()

    def publish(self, events: Sequence[Content]) -> int:
        for count, event in enumerate(events):
            if count and self.away:
                return count
            self._publish(event)
        return len(events)

    async def apublish(self, event: Content) -> None:
        self._publish(event)

    def _publish(self, event: Content) -> None:
        self._must_be_there()
        self.published.append(json.loads(json.dumps(event)))
        if self.delivers_at_once:
            self.deliver(event)
        self.on_publish(event)

    def invoke(self, role: Role, method: str, path: str, content: Any = None) -> Any:
        self._must_be_there()
        if role in self.gone:
            raise Unavailable(f"{role.name} is gone")
        self.invoked.append((role, path))
        body = {} if content is None else {"json": content}
        headers = {"Dapr-Caller-App-Id": "pizza-other", **self._shows}
        return _answer(self.apps[role].test_client().open(path, method=method, headers=headers, **body))

    async def ainvoke(self, role: Role, path: str, content: Any, seconds: float) -> Any:  # noqa: ARG002
        return self.invoke(role, "POST", path, content)

    def load(self, key: str) -> StoredValue:
        self._must_be_there()
        self._reads.append(key)
        if key not in self._values:
            return StoredValue(None, "")
        value, version = self._values[key]
        return StoredValue(value.encode(), str(version))

    def load_many(self, keys: Sequence[str]) -> list[StoredValue]:
        return [self.load(key) for key in keys]

    def save(self, key: str, value: str, etag: str) -> None:
        self._must_be_there()
        self._count_write()
        with self._lock:
            _, version = self._values.get(key, ("", 0))
            # Where there is no value yet the real store takes a write with any ETag.
            if version and etag != str(version):
                raise EtagMismatch(key)
            self._values[key] = value, version + 1

    def save_many(self, writes: Sequence[Write]) -> list[bool]:
        return [self._saves(write) for write in writes]

    def delete(self, key: str, etag: str = "") -> None:
        self._must_be_there()
        self._count_write()
        with self._lock:
            if etag and key in self._values and etag != str(self._values[key][1]):
                raise EtagMismatch(key)
            self._values.pop(key, None)

    async def aput(self, key: str, value: str) -> None:
        self._must_be_there()
        self._values[key] = value, self._values.get(key, ("", 0))[1] + 1

    def count_reads(self) -> list[str]:
        """The keys that are read from now on."""
        self._reads = []
        return self._reads

    def keys(self) -> set[str]:
        return set(self._values)

    def all_values(self) -> str:
        """Everything that is stored, as one text."""
        return "\n".join(value for value, _ in self._values.values())

    def deliver(self, *events: Content) -> None:
        """Hand events to role `order`, in one bulk, as Dapr does."""
        entries = [{"entryId": str(n), "event": cloud_event(event)} for n, event in enumerate(events)]
        answer = self.apps[ORDER].test_client().post("/orders-sub", json={"entries": entries}, headers=self._shows)
        assert [each["status"] for each in answer.json["statuses"]] == ["SUCCESS"] * len(events)

    def _saves(self, write: Write) -> bool:
        try:
            self.save(*write)
        except EtagMismatch:
            return False
        return True

    def _count_write(self) -> None:
        if self.writes_left is not None:
            self.writes_left -= 1
            if self.writes_left < 0:
                raise Died

    def _must_be_there(self) -> None:
        if self.away:
            raise Unavailable("the sidecar is away")


def cloud_event(data: Any) -> Content:
    """An event as Dapr wraps it."""
    return {
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
