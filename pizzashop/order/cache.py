"""What one process of role `order` remembers of records, so that it reads them less often.

`WriteCache` serves changes: it has what this process wrote, with the ETag that the store gave it. A cached record may
be outdated, but a write based on it is then refused. `ReadCache` serves the pages that watch orders. It is at most a
few seconds old, and never older than the version that the caller knows.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from pizzashop.dapr.sidecar import StoredValue, Write
from pizzashop.dapr.stores import predict_etag
from pizzashop.domain.record import Record

WRITE_CACHE_SECONDS = 10.0
MAX_WRITES = 1000

# After this time a cached record is read again: another process may have written it.
READ_CACHE_SECONDS = 2.0
# How many records a request reads again for that reason, the oldest first.
MAX_REREADS = 100
# How many records the cache has, about 3 kB each.
MAX_READS = 4096


class WriteCache:
    """The values that this process wrote, by key. Thread-safe."""

    def __init__(self, seconds: float = WRITE_CACHE_SECONDS, max_entries: int = MAX_WRITES) -> None:
        self._seconds, self._max_entries = seconds, max_entries
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[StoredValue, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> StoredValue | None:
        """Return the value that was written less than `seconds` ago, None when there is none."""
        entry = self._entries.get(key)
        return None if entry is None or self._is_expired(entry) else entry[0]

    def put(self, write: Write) -> None:
        """Keep a value that was just written, unless its new ETag cannot be known."""
        etag = predict_etag(write.etag)
        if etag is None:
            return
        with self._lock:
            self._entries[write.key] = StoredValue(write.value.encode(), etag), time.monotonic()
            self._entries.move_to_end(write.key)
            while self._entries and (len(self) > self._max_entries or self._is_expired(self._oldest())):
                self._entries.popitem(last=False)

    def discard(self, key: str) -> None:
        """Remove a value that may be outdated."""
        with self._lock:
            self._entries.pop(key, None)

    def _oldest(self) -> tuple[StoredValue, float]:
        return next(iter(self._entries.values()))

    def _is_expired(self, entry: tuple[StoredValue, float]) -> bool:
        return time.monotonic() - entry[1] >= self._seconds


class CachedRecord(NamedTuple):
    """The stored value of a record, None when there was none; `read_at` is by the monotonic clock."""

    value: bytes | None
    version: int
    read_at: float

    def parse(self) -> Record | None:
        """Return the record, None when there is none or it cannot be read."""
        try:
            return Record.model_validate_json(self.value) if self.value else None
        except ValidationError:
            return None


class ReadCache:
    """The records that somebody asked for. Thread-safe. `load` reads the values of several records."""

    def __init__(
        self, load: Callable[[Sequence[str]], list[bytes | None]], seconds: float = READ_CACHE_SECONDS
    ) -> None:
        self._load, self._seconds = load, seconds
        self._records: OrderedDict[str, CachedRecord] = OrderedDict()
        self._being_read: set[str] = set()
        self._lock = threading.Lock()

    def get_many(self, known_versions: Mapping[str, int]) -> dict[str, CachedRecord]:
        """Return these records, each at least as new as the version that the caller knows."""
        began = time.monotonic()
        for order_id, value in self._read(self._to_read(known_versions, began)):
            cached = self._records.get(order_id)
            if cached is None or cached.read_at <= began:
                is_same = cached is not None and cached.value == value
                version = cached.version if cached and is_same else _parse_version(value)
                self._put(order_id, CachedRecord(value, version, began))
        found = ((order_id, self._records.get(order_id)) for order_id in known_versions)
        return {order_id: cached for order_id, cached in found if cached is not None}

    def update(self, order_id: str, value: bytes) -> None:
        """Replace a cached record by what this process has just written. Other records are not added."""
        # Also while it is being read for the first time: the value that is read may be older.
        if order_id in self._records or order_id in self._being_read:
            self._put(order_id, CachedRecord(value, _parse_version(value), time.monotonic()))

    def _to_read(self, known_versions: Mapping[str, int], now: float) -> list[str]:
        cached = {order_id: self._records.get(order_id) for order_id in known_versions}
        outdated = [id_ for id_, each in cached.items() if each is None or each.version < known_versions[id_]]
        old = sorted((each.read_at, id_) for id_, each in cached.items() if each and now - each.read_at > self._seconds)
        return list(dict.fromkeys([*outdated, *(order_id for _, order_id in old[:MAX_REREADS])]))

    def _read(self, order_ids: list[str]) -> Iterator[tuple[str, bytes | None]]:
        if order_ids:
            self._being_read.update(order_ids)
            try:
                yield from zip(order_ids, self._load(order_ids), strict=True)
            finally:
                self._being_read.difference_update(order_ids)

    def _put(self, order_id: str, cached: CachedRecord) -> None:
        with self._lock:
            self._records[order_id] = cached
            self._records.move_to_end(order_id)
            while len(self._records) > MAX_READS:
                self._records.popitem(last=False)


class _Version(BaseModel):
    version: int


def _parse_version(value: bytes | None) -> int:
    try:
        return _Version.model_validate_json(value).version if value else 0
    except ValidationError:
        return 0
