"""Which orders there are: Dapr's state API cannot list, so `order` keeps pages of all ids and a set of the open ones.

An id is written here before its record is, and leaves the open set after the record is final: so the index names
every order, and at times one more, whose record then says that it is not (or no longer) there.
"""

import threading
from collections.abc import Iterator, Sequence
from zlib import crc32

from pizzashop.order.cell import Cell
from pizzashop.sidecar import Sidecar

PAGE_SIZE = 100
SHARDS = 8


class Pages:
    """A list that only grows, in pages of the state store: a write costs the same however long it is."""

    def __init__(self, sidecar: Sidecar, name: str) -> None:
        self._sidecar, self._name = sidecar, name
        self._last = Cell(sidecar, f"{name}_last")
        self._lock = threading.Lock()
        self._tail: tuple[int, Cell] | None = None

    def append(self, word: str) -> tuple[int, int]:
        """Add `word` at the end, once in its page; answers the page and the position in it."""
        with self._lock:
            while True:
                number, page = self._tail or self._open(self._last_number())
                self._tail = number, page
                words = page.update(lambda present: _with(present, word))
                if word in words:
                    return number, words.index(word)
                self._tail = self._open(self._turn(number))

    def newest(self, before: tuple[int, int] | None = None) -> Iterator[list[tuple[int, int, str]]]:
        """Page by page from the end: (page, position, word), newest first, those before `before`."""
        last = self._last_number()
        for number in range(min(last, before[0]) if before else last, -1, -1):
            words = Cell(self._sidecar, f"{self._name}_{number}").read()
            rows = [(number, position, word) for position, word in enumerate(words)]
            yield [row for row in reversed(rows) if before is None or row[:2] < before]

    def _last_number(self) -> int:
        return int((self._last.read() or ["0"])[0])

    def _turn(self, number: int) -> int:
        """Go on to the page after `number`, unless another process did so already; answers the last page."""
        return int(self._last.update(lambda last: [str(max(number + 1, int((last or ["0"])[0])))])[0])

    def _open(self, number: int) -> tuple[int, Cell]:
        return number, Cell(self._sidecar, f"{self._name}_{number}")


class OpenOrders:
    """The ids of the orders that have not ended, in shards, so that writers rarely meet."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._shards: Sequence[Cell] = [Cell(sidecar, f"open_{number}") for number in range(SHARDS)]

    def add(self, order_id: str) -> None:
        """An order is about to be accepted."""
        self._shard(order_id).update(lambda ids: ids if order_id in ids else [*ids, order_id])

    def remove(self, order_id: str) -> None:
        """An order has ended."""
        self._shard(order_id).update(lambda ids: [each for each in ids if each != order_id])

    def ids(self) -> list[str]:
        """All of them, in no order."""
        return [order_id for shard in self._shards for order_id in shard.read()]

    def _shard(self, order_id: str) -> Cell:
        return self._shards[crc32(order_id.encode()) % SHARDS]


def _with(present: list[str], word: str) -> list[str]:
    return present if word in present or len(present) >= PAGE_SIZE else [*present, word]
