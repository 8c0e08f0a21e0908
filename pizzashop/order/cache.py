"""The newest that this process knows of records: so whoever watches orders costs the store little.

A process remembers what somebody has asked for, and then what it has written of that itself. Others write too: what was
not read for a while is read again, and at once where the asker knows more.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from pizzashop.dapr.sidecar import StoredValue, Write
from pizzashop.domain.record import Record

WRITE_CACHE_SECONDS = 5.0
MAX_WRITES = 1000


class WriteCache:
    """The copies by key, at most `most`; for any number of threads."""

    def __init__(self, seconds: float = WRITE_CACHE_SECONDS, most: int = MAX_WRITES) -> None:
        self._seconds, self._most = seconds, most
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[StoredValue, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: str) -> StoredValue | None:
        """The copy, where there is one that is young enough."""
        kept = self._kept.get(key)
        return None if kept is None or self._is_old(kept) else kept[0]

    def keep(self, write: Write) -> None:
        """This was written just now."""
        etag = write.etag or "0"
        if not etag.isdecimal():
            return
        # Redis counts a key's writes; where this guess is wrong, the next write is refused and reads first.
        stored = StoredValue(write.value.encode(), str(int(etag) + 1))
        with self._lock:
            self._kept[write.key] = stored, time.monotonic()
            self._kept.move_to_end(write.key)
            while self._kept and (len(self) > self._most or self._is_old(next(iter(self._kept.values())))):
                self._kept.popitem(last=False)

    def drop(self, key: str) -> None:
        """It is not, or may not be, what the store has."""
        with self._lock:
            self._kept.pop(key, None)

    def _is_old(self, kept: tuple[StoredValue, float]) -> bool:
        return time.monotonic() - kept[1] >= self._seconds


MAX_READS = 4096
"""Records that are remembered, about 3 kB each."""
READ_CACHE_SECONDS = 2.0
"""After so long another process may have written it;"""
READ_AT_ONCE = 100
"""so many are read for that in one request, the longest unread first."""


class _Version(BaseModel):
    version: int


class CachedRecord(NamedTuple):
    """A record as it was stored; None: there was none. `at` is when, by the monotonic clock."""

    value: bytes | None
    version: int
    at: float

    def record(self) -> Record | None:
        """The record; None where there is none, or none that can be read."""
        try:
            return Record.model_validate_json(self.value) if self.value else None
        except ValidationError:
            return None


class ReadCache:
    """For any number of threads; `load` reads the values of several records, again after so many `seconds`."""

    def __init__(
        self, load: Callable[[Sequence[str]], list[bytes | None]], seconds: float = READ_CACHE_SECONDS
    ) -> None:
        self._load, self._seconds = load, seconds
        self._seen: OrderedDict[str, CachedRecord] = OrderedDict()
        self._reading: set[str] = set()
        self._lock = threading.Lock()

    def note(self, order_id: str, value: bytes) -> None:
        """This process has written it."""
        # Also where it is only just being read: what is read may be older.
        if order_id in self._seen or order_id in self._reading:
            self._keep(order_id, CachedRecord(value, _version(value), time.monotonic()))

    def of(self, known: Mapping[str, int]) -> dict[str, CachedRecord]:
        """The newest of these orders, of which the asker knows these versions."""
        began = time.monotonic()
        for order_id, value in self._read(self._to_read(known, began)):
            before = self._seen.get(order_id)
            if before is None or before.at <= began:
                same = before is not None and before.value == value
                version = before.version if before and same else _version(value)
                self._keep(order_id, CachedRecord(value, version, began))
        found = ((order_id, self._seen.get(order_id)) for order_id in known)
        return {order_id: seen for order_id, seen in found if seen is not None}

    def _to_read(self, known: Mapping[str, int], now: float) -> list[str]:
        seen = {order_id: self._seen.get(order_id) for order_id in known}
        must = [order_id for order_id, each in seen.items() if each is None or each.version < known[order_id]]
        old = sorted((each.at, order_id) for order_id, each in seen.items() if each and now - each.at > self._seconds)
        return list(dict.fromkeys([*must, *(order_id for _, order_id in old[:READ_AT_ONCE])]))

    def _read(self, order_ids: list[str]) -> Iterator[tuple[str, bytes | None]]:
        """Read these; until all are taken, they count as being read."""
        if order_ids:
            self._reading.update(order_ids)
            try:
                yield from zip(order_ids, self._load(order_ids), strict=True)
            finally:
                self._reading.difference_update(order_ids)

    def _keep(self, order_id: str, seen: CachedRecord) -> None:
        with self._lock:
            self._seen[order_id] = seen
            self._seen.move_to_end(order_id)
            while len(self._seen) > MAX_READS:
                self._seen.popitem(last=False)


def _version(value: bytes | None) -> int:
    try:
        return _Version.model_validate_json(value).version if value else 0
    except ValidationError:
        return 0
