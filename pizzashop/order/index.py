"""Which orders there are: Dapr's state API cannot list, so `order` keeps pages of all ids and a set of the open ones.

An id is written here before its record is, and leaves the open set after the record is final: so the index names
every order, and at times one more, whose record then says that it is not (or no longer) there. A page goes as a
whole, a while after none of its ids has a record that stands in it.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from zlib import crc32

from pizzashop.dapr.batching import Batcher
from pizzashop.dapr.sidecar import ETagMismatch, Sidecar
from pizzashop.errors import CorruptData, Unavailable

LIST_TRIES = 50


Change = Callable[[list[str]], list[str]]


class StoredList:
    """One key of the state store that holds a list of strings; what was seen last saves most reads."""

    def __init__(self, sidecar: Sidecar, key: str) -> None:
        self._sidecar, self._key = sidecar, key
        self._seen: tuple[list[str], str] | None = None
        self._change_together = Batcher(self._change_all)

    def read(self) -> list[str]:
        """The list as the store has it now."""
        return self._load()[0]

    def update(self, change: Change) -> list[str]:
        """Write what `change` makes of the list: of the newer one, where another writer came first."""
        return self._change_together(change)

    def _change_all(self, changes: list[Change]) -> list[list[str]]:
        """Make all the changes, one after another, and write what comes of them once; answers what each has made."""
        for _ in range(LIST_TRIES):
            seen, self._seen = self._seen, None
            words, etag = seen or self._load()
            made = list(accumulate(changes, lambda before, change: change(before), initial=words))[1:]
            if made[-1] == words and seen is None:
                return made
            # Where only what was seen last says that nothing is to change, the store is asked.
            if made[-1] != words and self._saved(made[-1], etag):
                return made
        raise Unavailable(f"{self._key} is written to by too many at once")

    def _saved(self, words: list[str], etag: str) -> bool:
        try:
            self._sidecar.save(self._key, json.dumps(words), etag)
        except ETagMismatch:
            return False
        # Redis counts a key's writes; where this guess is wrong, the next write is refused and reads first.
        self._seen = words, str(int(etag or 0) + 1)
        return True

    def _load(self) -> tuple[list[str], str]:
        stored = self._sidecar.load(self._key)
        try:
            return (json.loads(stored.value) if stored.value else []), stored.etag
        except ValueError:
            raise CorruptData(f"{self._key} in the store cannot be read") from None


SHARDS = 8


class OpenOrders:
    """The ids of the orders that have not ended, in shards, so that writers rarely meet."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._keys = [f"open_{number}" for number in range(SHARDS)]
        self._shards: Sequence[StoredList] = [StoredList(sidecar, key) for key in self._keys]

    def add(self, order_id: str) -> None:
        """An order is about to be accepted."""
        self._shard(order_id).update(lambda ids: ids if order_id in ids else [*ids, order_id])

    def remove(self, order_ids: Sequence[str]) -> None:
        """Orders have ended."""
        ended = set(order_ids)
        for shard in {self._shard(order_id) for order_id in ended}:
            shard.update(lambda ids: [each for each in ids if each not in ended])

    def ids(self) -> list[str]:
        """All of them, in no order."""
        shards = self._sidecar.load_many(self._keys)
        return [order_id for shard in shards if shard.value for order_id in json.loads(shard.value)]

    def _shard(self, order_id: str) -> StoredList:
        return self._shards[crc32(order_id.encode()) % SHARDS]


PAGE_SIZE = 100
TAIL_SECONDS = 5.0
"""How long a process may take a page for the last one without asking: shorter than a dead page stays."""
DEAD = "dead "
"""No id begins so: the last word of a page that is to go, with the time since when."""

Row = tuple[int, int, str]


class PagedList:
    """A list in pages of the state store: a write costs the same however long it is. Words are added at its end."""

    def __init__(self, sidecar: Sidecar, name: str) -> None:
        self._sidecar, self._name = sidecar, name
        self._last = StoredList(sidecar, f"{name}_last")
        self._kept = StoredList(
            sidecar, f"{name}_kept"
        )  # early pages that are still there, and then the first of the rest
        self._lock = threading.Lock()
        self._tail: tuple[int, StoredList] | None = None
        self._tail_until = 0.0

    def append(self, word: str) -> tuple[int, int]:
        """Add `word` at the end; answers the page and the position in it."""
        # Also where the page has it already: the page's new ETag tells who is about to delete it.
        place: int | None = None

        def add(words: list[str]) -> list[str]:
            nonlocal place
            place = len(words) if len(words) < PAGE_SIZE else None
            return words if place is None else [*words, word]

        with self._lock:
            while True:
                number, page = self._tail_page()
                page.update(add)
                if place is not None:
                    return number, place
                self._set_tail(self._turn(number))

    def newest(self, before: tuple[int, int] | None = None) -> Iterator[list[Row]]:
        """Page by page from the end: (page, position, word), newest first, those before `before`."""
        for number in reversed(self.numbers()):
            if before is None or number <= before[0]:
                yield [row for row in reversed(self.rows(number)) if before is None or row[:2] < before]

    def numbers(self) -> list[int]:
        """The pages that may hold something, oldest first."""
        *early, first = [int(each) for each in self._kept.read() or ["0"]]
        return [*early, *range(first, self._last_number() + 1)]

    def rows(self, number: int) -> list[Row]:
        """What a page holds: (page, position, word)."""
        words = StoredList(self._sidecar, self._key(number)).read()
        return [(number, position, word) for position, word in enumerate(words) if not word.startswith(DEAD)]

    def discard(self, number: int, now: datetime, grace: float) -> bool:
        """Have a page that holds nothing any more go, `grace` seconds after this was first asked."""
        if number >= self._last_number():
            return False
        stored = self._sidecar.load(self._key(number))
        words = json.loads(stored.value) if stored.value else []
        try:
            if words and not words[-1].startswith(DEAD):
                self._sidecar.save(self._key(number), json.dumps([*words, DEAD + now.isoformat()]), stored.etag)
                return False
            if words:
                since = datetime.fromisoformat(words[-1].removeprefix(DEAD))
                if now - since < timedelta(seconds=grace):
                    return False
                self._sidecar.delete(self._key(number), stored.etag)
        except ETagMismatch:
            return False
        self._kept.update(lambda kept: _without(kept, number))
        return True

    def _last_number(self) -> int:
        return int((self._last.read() or ["0"])[0])

    def _turn(self, number: int) -> int:
        """Go on to the page after `number`, unless another process did so already; answers the last page."""
        return int(self._last.update(lambda last: [str(max(number + 1, int((last or ["0"])[0])))])[0])

    def _tail_page(self) -> tuple[int, StoredList]:
        if self._tail is None or time.monotonic() > self._tail_until:
            return self._set_tail(self._last_number())
        return self._tail

    def _set_tail(self, number: int) -> tuple[int, StoredList]:
        self._tail = number, StoredList(self._sidecar, self._key(number))
        self._tail_until = time.monotonic() + TAIL_SECONDS
        return self._tail

    def _key(self, number: int) -> str:
        return f"{self._name}_{number}"


def _without(kept: list[str], number: int) -> list[str]:
    *early, first = [int(each) for each in kept or ["0"]]
    left = [each for each in (*early, *range(first, number + 1)) if each != number]
    return [str(each) for each in (*left, max(first, number + 1))]
