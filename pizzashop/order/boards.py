"""`POST /changes`: what has changed among the orders that pages watch, in one request that costs little."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flask import current_app, jsonify
from flask.typing import ResponseReturnValue

from pizzashop.auth.people import INTERNAL, MANAGER
from pizzashop.domain.history import format_timestamp
from pizzashop.domain.lifecycle import FAILED
from pizzashop.domain.record import Record
from pizzashop.order.repository import Repository, records
from pizzashop.presentation.boards import Board, ChangedOrder, Changes, ChangesQuery, Counts, Row
from pizzashop.presentation.times import midnight
from pizzashop.web.dependencies import Clock
from pizzashop.web.json_body import read_internal_json
from pizzashop.web.routes import Routes

MAX_PAGES = 200
"""How far back counters and search look: 20,000 orders."""
REREAD_SECONDS = 600.0
"""How long a deleted order may still be counted."""


class ReadingIncomplete(Exception):
    """The time is over, and not all has been read; what was read is kept for the next time."""


@dataclass
class _Page:
    """What is known of a page of the index: its ids, and the rows of what has ended, None where nothing stands."""

    read_at: float = field(default_factory=time.monotonic)
    ids: list[str] = field(default_factory=list)
    is_whole: bool = False  # no more ids are added to it
    ended: dict[int, Row | None] = field(default_factory=dict)


class BoardRows:
    """The rows of the orders; `pace` is the shop's."""

    def __init__(self, records: Repository, pace: float) -> None:
        self._records, self._pace = records, pace
        self._pages: dict[int, _Page] = {}
        self._lock = threading.Lock()
        self._open: dict[str, Row] = {}

    def open(self) -> list[Row]:
        """Those of the orders that have not ended, oldest first."""
        records = self._records.find_many(self._records.open.ids())
        return sorted((self._row(each) for each in records if not each.is_closed), key=lambda row: row.position)

    def open_now(self, known: Mapping[str, int]) -> list[Row]:
        """The same as far as this process remembers it, and no older than these versions."""
        ids = self._records.open.ids()
        rows: dict[str, Row] = {}
        for order_id, seen in self._records.newest.of({each: known.get(each, 0) for each in ids}).items():
            row, record = self._open.get(order_id), None
            if row is None or row.version != seen.version:
                record = seen.record()
                row = None if record is None or record.is_closed else self._row(record)
            if row is not None:
                rows[order_id] = row
        self._open = rows
        return sorted(rows.values(), key=lambda row: row.position)

    def some(self, order_ids: list[str]) -> list[Row]:
        """Those of the orders that are there, as they are now."""
        return [self._row(each) for each in self._records.find_many(order_ids)]

    def newest(self, seconds: float, open_rows: list[Row]) -> Iterator[list[Row]]:
        """Page by page, newest first; raises ReadingIncomplete where that takes more than `seconds`."""
        until, known = time.monotonic() + seconds, {row.order_id: row for row in open_rows}
        numbers = self._records.pages.numbers()[-MAX_PAGES:]
        with self._lock:
            self._pages = {number: self._pages[number] for number in numbers if number in self._pages}
            self._forget_the_oldest()
        for number in reversed(numbers):
            with self._lock:
                if number not in self._pages and time.monotonic() > until:
                    raise ReadingIncomplete
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


READ_SECONDS = 2.0
"""How long one request may read orders that this process has not seen yet: the rest comes with the next ones."""

routes = Routes("today")


def rows() -> BoardRows:
    """The rows of the application that serves this request."""
    found: BoardRows = current_app.extensions["rows"]
    return found


@routes.get("/board", MANAGER, INTERNAL, response=Board, internal=True)
def board() -> ResponseReturnValue:
    """Every open order as a row, oldest first, and the day in numbers."""
    return jsonify(make_board(rows().open()).model_dump())


def make_board(opened: list[Row]) -> Board:
    """The board of these open orders."""
    clock: Clock = current_app.extensions["clock"]
    moment = clock()
    today, complete = _accepted_since(format_timestamp(midnight(moment)), opened)
    counts = count(opened, today, format_timestamp(moment))
    return Board(at=format_timestamp(moment), orders=opened, counts=counts, hours=by_hour(today), complete=complete)


def count(opened: Sequence[Row], today: Sequence[Row], now: str) -> Counts:
    """The day in numbers; `failed` are those of today's orders that have failed."""
    return Counts(
        open=len(opened),
        deciding=sum(row.phase == "deciding" for row in opened),
        late=sum(row.is_late(now) for row in opened),
        today=len(today),
        failed=sum(row.status == FAILED for row in today),
    )


def by_hour(today: Sequence[Row]) -> list[int]:
    """How many orders were accepted in each hour of the day, by this machine's clock."""
    hours = [datetime.fromisoformat(row.accepted).astimezone().hour for row in today]
    return [hours.count(hour) for hour in range(24)]


def _accepted_since(start: str, opened: list[Row]) -> tuple[list[Row], bool]:
    found: list[Row] = []
    try:
        for page in rows().newest(READ_SECONDS, opened):
            found += [row for row in page if row.accepted >= start]
            if page and page[-1].accepted < start:
                break
    except ReadingIncomplete:
        return found, False
    return found, True


@routes.post("/changes", INTERNAL, response=Changes, body=ChangesQuery, internal=True)
def changes() -> ResponseReturnValue:
    """Answer the orders that are newer than the asker knows, and the board, if it shows something else by now."""
    asked = ChangesQuery.parse(read_internal_json())
    told = Changes(orders=[], gone=[], board=None)
    newest = records().newest.of(asked.orders)
    for order_id, known in asked.orders.items():
        seen = newest.get(order_id)
        if seen is not None and seen.value and seen.version <= known:
            continue
        record = seen.record() if seen is not None else None
        if record is None or record.deleted:
            told.gone.append(order_id)
        else:
            told.orders.append(ChangedOrder.of(record))
    if asked.board is not None:
        opened = rows().open_now(asked.board)
        if asked.anew or {row.order_id: row.version for row in opened} != asked.board:
            told.board = make_board(opened)
    return jsonify(told.model_dump())
