"""Rows of all orders, for boards, counters and search: those that ended are kept in memory, the rest is read anew.

A record that has ended changes no more, until it is deleted: so each process may keep its row, and depends on no event
for it. A page of the index is read anew after a while all the same, since somebody may have deleted one of its orders.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pizzashop.domain.record import Record
from pizzashop.domain.row import Row
from pizzashop.order.records import Records

MAX_PAGES = 200
"""How far back counters and search look: 20,000 orders."""
REREAD_SECONDS = 600.0
"""How long a deleted order may still be counted."""


class StillReading(Exception):
    """The time is over, and not all has been read; what was read is kept for the next time."""


@dataclass
class _Page:
    """What is known of a page of the index: its ids, and the rows of what has ended, None where nothing stands."""

    read_at: float = field(default_factory=time.monotonic)
    ids: list[str] = field(default_factory=list)
    is_whole: bool = False  # no more ids are added to it
    ended: dict[int, Row | None] = field(default_factory=dict)


class Rows:
    """The rows of the orders; `pace` is the shop's."""

    def __init__(self, records: Records, pace: float) -> None:
        self._records, self._pace = records, pace
        self._pages: dict[int, _Page] = {}
        self._lock = threading.Lock()
        self._open: dict[str, Row] = {}

    def open(self) -> list[Row]:
        """Those of the orders that have not ended, oldest first."""
        records = self._records.find_many(self._records.open.ids())
        return sorted((self._row(each) for each in records if not each.closed), key=lambda row: row.position)

    def open_now(self, known: Mapping[str, int]) -> list[Row]:
        """The same as far as this process remembers it, and no older than these versions."""
        ids = self._records.open.ids()
        rows: dict[str, Row] = {}
        for order_id, seen in self._records.newest.of({each: known.get(each, 0) for each in ids}).items():
            row, record = self._open.get(order_id), None
            if row is None or row.version != seen.version:
                record = seen.record()
                row = None if record is None or record.closed else self._row(record)
            if row is not None:
                rows[order_id] = row
        self._open = rows
        return sorted(rows.values(), key=lambda row: row.position)

    def some(self, order_ids: list[str]) -> list[Row]:
        """Those of the orders that are there, as they are now."""
        return [self._row(each) for each in self._records.find_many(order_ids)]

    def newest(self, seconds: float, open_rows: list[Row]) -> Iterator[list[Row]]:
        """Page by page, newest first; raises StillReading where that takes more than `seconds`."""
        until, known = time.monotonic() + seconds, {row.order_id: row for row in open_rows}
        numbers = self._records.pages.numbers()[-MAX_PAGES:]
        with self._lock:
            self._pages = {number: self._pages[number] for number in numbers if number in self._pages}
            self._forget_the_oldest()
        for number in reversed(numbers):
            with self._lock:
                if number not in self._pages and time.monotonic() > until:
                    raise StillReading
                rows = self._rows_of(number, numbers[-1], known)
            yield rows

    def _row(self, record: Record) -> Row:
        return Row.of(record, self._pace)

    def _forget_the_oldest(self) -> None:
        oldest = min(self._pages, key=lambda number: self._pages[number].read_at, default=None)
        if oldest is not None and time.monotonic() - self._pages[oldest].read_at > REREAD_SECONDS:
            del self._pages[oldest]

    def _rows_of(self, number: int, last: int, known: dict[str, Row]) -> list[Row]:
        page = self._pages.get(number) or _Page()
        if not page.is_whole:
            page.ids = [order_id for _, _, order_id in self._records.pages.rows(number)]
            page.is_whole = number < last
        unsettled = {place: each for place, each in enumerate(page.ids) if place not in page.ended}
        found = known | {row.order_id: row for row in self.some([e for e in unsettled.values() if e not in known])}
        here: dict[int, Row] = {}
        for place, order_id in unsettled.items():
            row = found.get(order_id)
            # An id can be in an older place too, from before it was deleted and accepted again.
            stands = row is not None and row.position == (number, place)
            if row is not None and stands:
                here[place] = row
            # At the end of the index an order is named before its record is written.
            if number < last - 1 if row is None or not stands else row.final:
                page.ended[place] = row if stands else None
        self._pages[number] = page
        rows = [here.get(place) or page.ended.get(place) for place in reversed(range(len(page.ids)))]
        return [row for row in rows if row is not None]
