"""The index of orders. Dapr's state API cannot list keys, so role `order` keeps lists of ids itself.

`OrderIndex` has every order in the order of acceptance, in pages of 100. `OpenOrders` has those that have not ended.
An id is added to both before its record is written, and leaves the open set after the record is final. So the index
names every order, and sometimes one more: then no record exists, or it has another position.
A page is deleted as a whole, some time after no record has a position on it any more.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import NamedTuple
from zlib import crc32

from pizzashop.dapr.batching import Batcher
from pizzashop.dapr.sidecar import EtagMismatch, Sidecar
from pizzashop.domain.record import Record
from pizzashop.errors import CorruptData, Unavailable

PAGE_SIZE = 100
# How long a process relies on its knowledge of the last page: shorter than a deleted page keeps its key.
LAST_PAGE_SECONDS = 5.0
_SHARDS = 8
_MAX_TRIES = 50
# The last item of a page that is to be deleted, followed by the time of the decision. No id contains a blank.
_DELETION_MARK = "dead "

Change = Callable[[list[str]], list[str]]
# Where an order is in the index: the number of the page, and the place on it.
Position = tuple[int, int]


class IndexEntry(NamedTuple):
    """An id in the index."""

    position: Position
    order_id: str


def position_of(record: Record) -> Position:
    """Return the position of a record. An id has older positions too if it was deleted and accepted again."""
    return record.index_page, record.index_place


class StoredList:
    """A list of strings under one key of the state store.

    Where the ETag of a write can be predicted, it keeps what it wrote last, so that most updates need no read.
    """

    def __init__(self, sidecar: Sidecar, key: str) -> None:
        self._sidecar, self._key = sidecar, key
        self._cached: tuple[list[str], str] | None = None
        self._update_in_batch = Batcher(self._update_all)

    def read(self) -> list[str]:
        """Read the list from the store."""
        return self._load()[0]

    def update(self, change: Change) -> list[str]:
        """Replace the list by what `change` makes of it, and return that. A conflict makes it call `change` again."""
        return self._update_in_batch(change)

    def _update_all(self, changes: list[Change]) -> list[list[str]]:
        """Apply the changes one after another, write the last result once, and return the result of each."""
        for _ in range(_MAX_TRIES):
            cached, self._cached = self._cached, None
            items, etag = cached or self._load()
            results = list(accumulate(changes, lambda before, change: change(before), initial=items))[1:]
            # The cached list may be outdated: only the store can tell that nothing has to change.
            if results[-1] == items and cached is None:
                return results
            if results[-1] != items and self._save(results[-1], etag):
                return results
        raise Unavailable(f"Too many writers at once of {self._key}: ask again in a moment")

    def _save(self, items: list[str], etag: str) -> bool:
        try:
            self._sidecar.save(self._key, json.dumps(items), etag)
        except EtagMismatch:
            return False
        new_etag = self._sidecar.predict_etag(etag)
        self._cached = None if new_etag is None else (items, new_etag)
        return True

    def _load(self) -> tuple[list[str], str]:
        stored = self._sidecar.load(self._key)
        try:
            return (json.loads(stored.value) if stored.value else []), stored.etag
        except ValueError:
            raise CorruptData(f"{self._key} in the store cannot be read") from None


class OpenOrders:
    """The ids of the open orders, and of closed ones until they are final. Shards keep writers from conflicts."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._keys = [f"open_{number}" for number in range(_SHARDS)]
        self._shards = [StoredList(sidecar, key) for key in self._keys]

    def add(self, order_id: str) -> None:
        """Add an id. Idempotent."""
        self._shard(order_id).update(lambda ids: ids if order_id in ids else [*ids, order_id])

    def remove(self, order_ids: Sequence[str]) -> None:
        """Remove ids. Idempotent."""
        removed = set(order_ids)
        for shard in {self._shard(order_id) for order_id in removed}:
            shard.update(lambda ids: [each for each in ids if each not in removed])

    def ids(self) -> list[str]:
        """Read all ids, in no particular order."""
        shards = self._sidecar.load_many(self._keys)
        return [order_id for shard in shards if shard.value for order_id in json.loads(shard.value)]

    def _shard(self, order_id: str) -> StoredList:
        return self._shards[crc32(order_id.encode()) % _SHARDS]


class OrderIndex:
    """Every id in the order of acceptance, stored in pages: the cost of an append does not grow with the index."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._last_number = StoredList(sidecar, "orders_last")
        # Which pages exist. ["3", "7", "12"] stands for the pages 3 and 7, and every page from 12 on.
        self._kept_numbers = StoredList(sidecar, "orders_kept")
        self._lock = threading.Lock()
        self._last_page: tuple[int, StoredList] | None = None
        self._last_page_until = 0.0

    def append(self, order_id: str) -> Position:
        """Add an id at the end and return its position. An id that is there already gets a further position."""
        place: int | None = None

        def add(ids: list[str]) -> list[str]:
            nonlocal place
            place = len(ids) if len(ids) < PAGE_SIZE else None
            return ids if place is None else [*ids, order_id]

        with self._lock:
            while True:
                number, page = self._get_last_page()
                page.update(add)
                if place is not None:
                    return number, place
                self._set_last_page(self._begin_page_after(number))

    def pages_newest_first(self, before: Position | None = None) -> Iterator[list[IndexEntry]]:
        """Read page by page from the end: the entries before a position, newest first."""
        for number in reversed(self.page_numbers()):
            if before is None or number <= before[0]:
                yield [each for each in reversed(self.read_page(number)) if before is None or each.position < before]

    def page_numbers(self) -> list[int]:
        """Read which pages may contain an id, oldest first."""
        *early, first = _parse_kept(self._kept_numbers.read())
        return [*early, *range(first, self._read_last_number() + 1)]

    def read_page(self, number: int) -> list[IndexEntry]:
        """Read the entries of a page, oldest first."""
        ids = self._page(number).read()
        return [IndexEntry((number, place), each) for place, each in enumerate(ids) if not _is_mark(each)]

    def delete_page(self, number: int, now: datetime, grace: float) -> bool:
        """Delete a page that no record has a position on, `grace` seconds after the first call. Never the last page.

        Return whether the page is gone. A process that still takes it for the last page changes its ETag by an append,
        so the deletion fails.
        """
        if number >= self._read_last_number():
            return False
        stored = self._sidecar.load(_page_key(number))
        ids = json.loads(stored.value) if stored.value else []
        try:
            if ids and not _is_mark(ids[-1]):
                marked = [*ids, _DELETION_MARK + now.isoformat()]
                self._sidecar.save(_page_key(number), json.dumps(marked), stored.etag)
                return False
            if ids:
                marked_at = datetime.fromisoformat(ids[-1].removeprefix(_DELETION_MARK))
                if now - marked_at < timedelta(seconds=grace):
                    return False
                self._sidecar.delete(_page_key(number), stored.etag)
        except EtagMismatch:
            return False
        self._kept_numbers.update(lambda kept: _without(kept, number))
        return True

    def _page(self, number: int) -> StoredList:
        return StoredList(self._sidecar, _page_key(number))

    def _read_last_number(self) -> int:
        return int((self._last_number.read() or ["0"])[0])

    def _begin_page_after(self, number: int) -> int:
        """Begin a page, unless another replica did so already. Return the number of the last page."""
        return int(self._last_number.update(lambda last: [str(max(number + 1, int((last or ["0"])[0])))])[0])

    def _get_last_page(self) -> tuple[int, StoredList]:
        if self._last_page is None or time.monotonic() > self._last_page_until:
            return self._set_last_page(self._read_last_number())
        return self._last_page

    def _set_last_page(self, number: int) -> tuple[int, StoredList]:
        self._last_page = number, self._page(number)
        self._last_page_until = time.monotonic() + LAST_PAGE_SECONDS
        return self._last_page


def _page_key(number: int) -> str:
    return f"orders_{number}"


def _is_mark(item: str) -> bool:
    return item.startswith(_DELETION_MARK)


def _parse_kept(kept: list[str]) -> list[int]:
    return [int(each) for each in kept or ["0"]]


def _without(kept: list[str], number: int) -> list[str]:
    *early, first = _parse_kept(kept)
    remaining = [each for each in (*early, *range(first, number + 1)) if each != number]
    return [str(each) for each in (*remaining, max(first, number + 1))]
