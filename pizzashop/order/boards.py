"""The staff's boards: `GET /board`, and `POST /changes` for the pages that watch orders.

`OrderRows` reads the rows that boards and search show. The row of an ended order never changes, so it is read once.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flask import jsonify
from flask.typing import ResponseReturnValue

from pizzashop.auth.people import INTERNAL, MANAGER
from pizzashop.domain.history import Clock, format_timestamp
from pizzashop.domain.lifecycle import FAILED
from pizzashop.order.index import Position
from pizzashop.order.repository import Repository
from pizzashop.presentation.boards import Board, Changes, ChangesQuery, Counts, Row
from pizzashop.presentation.times import midnight
from pizzashop.web.json_body import read_internal_json
from pizzashop.web.routes import Routes

# How long one request may read pages that this process has not read yet. The following requests read the others.
PAGES_READ_SECONDS = 2.0
# How far back counters and search look: 20,000 orders.
MAX_PAGES = 200
# A cached page is read again after this time, because an ended order may have been deleted.
REREAD_SECONDS = 600.0


class ReadingIncomplete(Exception):
    """The time is over before all pages are read. Those that were read stay in the cache."""


@dataclass
class _CachedPage:
    """A page of the index: its ids, and by place the rows of ended orders, None where no record has this position."""

    read_at: float = field(default_factory=time.monotonic)
    ids: list[str] = field(default_factory=list)
    is_full: bool = False
    ended: dict[int, Row | None] = field(default_factory=dict)


class OrderRows:
    """Reads the rows of orders; `pace` is the shop's. Thread-safe."""

    def __init__(self, repository: Repository, pace: float) -> None:
        self._repository, self._pace = repository, pace
        self._pages: dict[int, _CachedPage] = {}
        self._lock = threading.Lock()
        self._open: dict[str, Row] = {}

    def open_rows(self) -> list[Row]:
        """Read the rows of the open orders, oldest first."""
        records = self._repository.find_many(self._repository.open_orders.ids())
        rows = (Row.from_record(each, self._pace) for each in records if not each.is_closed)
        return sorted(rows, key=lambda row: row.position)

    def cached_open_rows(self, known_versions: Mapping[str, int]) -> list[Row]:
        """Return the rows of the open orders, each at least as new as the version that the caller knows."""
        ids = self._repository.open_orders.ids()
        rows: dict[str, Row] = {}
        cached_records = self._repository.read_cache.get_many({each: known_versions.get(each, 0) for each in ids})
        for order_id, cached in cached_records.items():
            row = self._open.get(order_id)
            if row is None or row.version != cached.version:
                record = cached.parse()
                row = None if record is None or record.is_closed else Row.from_record(record, self._pace)
            if row is not None:
                rows[order_id] = row
        self._open = rows
        return sorted(rows.values(), key=lambda row: row.position)

    def rows_of(self, order_ids: list[str]) -> list[Row]:
        """Read the rows of those of the orders that exist."""
        return [Row.from_record(each, self._pace) for each in self._repository.find_many(order_ids)]

    def pages_newest_first(self, seconds: float, open_rows: list[Row]) -> Iterator[list[Row]]:
        """Yield the rows page by page, newest first. Raise ReadingIncomplete when it takes more than `seconds`."""
        until, open_by_id = time.monotonic() + seconds, {row.order_id: row for row in open_rows}
        numbers = self._repository.index.page_numbers()[-MAX_PAGES:]
        with self._lock:
            self._pages = {number: self._pages[number] for number in numbers if number in self._pages}
            self._drop_oldest_page()
        for number in reversed(numbers):
            with self._lock:
                if number not in self._pages and time.monotonic() > until:
                    raise ReadingIncomplete
                rows = self._read_page(number, numbers[-1], open_by_id)
            yield rows

    def _drop_oldest_page(self) -> None:
        """Drop at most one page, so that a single request never has to read them all again."""
        oldest = min(self._pages, key=lambda number: self._pages[number].read_at, default=None)
        if oldest is not None and time.monotonic() - self._pages[oldest].read_at > REREAD_SECONDS:
            del self._pages[oldest]

    def _read_page(self, number: int, last_number: int, open_by_id: dict[str, Row]) -> list[Row]:
        """Return the rows of a page, newest first; read those that are not in the cache."""
        page = self._pages.get(number) or _CachedPage()
        if not page.is_full:
            page.ids = [entry.order_id for entry in self._repository.index.read_page(number)]
            page.is_full = number < last_number
        to_read = {place: each for place, each in enumerate(page.ids) if place not in page.ended}
        read = self.rows_of([each for each in to_read.values() if each not in open_by_id])
        by_id = open_by_id | {row.order_id: row for row in read}
        rows = dict(page.ended)
        for place, order_id in to_read.items():
            row = rows[place] = _row_at((number, place), by_id.get(order_id))
            # Near the end of the index, an id may be there before its record.
            is_settled = row.is_closed if row is not None else number < last_number - 1
            if is_settled:
                page.ended[place] = row
        self._pages[number] = page
        return [row for place in reversed(range(len(page.ids))) if (row := rows[place]) is not None]


def make_board_routes(rows: OrderRows, repository: Repository, clock: Clock) -> Routes:
    """Return the routes of the boards."""
    routes = Routes("boards")

    @routes.get("/board", MANAGER, INTERNAL, response=Board, internal=True)
    def board() -> ResponseReturnValue:
        """Return every open order as a row, oldest first, and the numbers of the day."""
        return jsonify(_make_board(rows, rows.open_rows(), clock()).model_dump())

    @routes.post("/changes", INTERNAL, response=Changes, body=ChangesQuery, internal=True)
    def changes() -> ResponseReturnValue:
        """Return the orders that are newer than the versions in the request, and the board if it has changed."""
        query = ChangesQuery.parse(read_internal_json())
        answer = Changes(orders=[], gone=[], board=None)
        cached_records = repository.read_cache.get_many(query.orders)
        for order_id, known_version in query.orders.items():
            cached = cached_records.get(order_id)
            if cached is not None and cached.value and cached.version <= known_version:
                continue
            record = cached.parse() if cached is not None else None
            if record is None or record.deleted:
                answer.gone.append(order_id)
            else:
                answer.orders.append(record.snapshot())
        if query.board is not None:
            open_rows = rows.cached_open_rows(query.board)
            if query.include_board or {row.order_id: row.version for row in open_rows} != query.board:
                answer.board = _make_board(rows, open_rows, clock())
        return jsonify(answer.model_dump())

    return routes


def _make_board(rows: OrderRows, open_rows: list[Row], now: datetime) -> Board:
    timestamp = format_timestamp(now)
    today, is_complete = _rows_since(format_timestamp(midnight(now)), rows, open_rows)
    counts = _count(open_rows, today, timestamp)
    return Board(at=timestamp, orders=open_rows, counts=counts, hours=_count_by_hour(today), complete=is_complete)


def _rows_since(start: str, rows: OrderRows, open_rows: list[Row]) -> tuple[list[Row], bool]:
    """Return the orders that were accepted since `start`, and whether all of them have been read."""
    found: list[Row] = []
    try:
        for page in rows.pages_newest_first(PAGES_READ_SECONDS, open_rows):
            found += [row for row in page if row.accepted >= start]
            if page and page[-1].accepted < start:
                break
    except ReadingIncomplete:
        return found, False
    return found, True


def _count(open_rows: Sequence[Row], today: Sequence[Row], now: str) -> Counts:
    return Counts(
        open=len(open_rows),
        deciding=sum(row.phase == "deciding" for row in open_rows),
        late=sum(row.is_late(now) for row in open_rows),
        today=len(today),
        failed=sum(row.status == FAILED for row in today),
    )


def _count_by_hour(rows: Sequence[Row]) -> list[int]:
    """Count the orders that were accepted in each hour of the day, in the time zone of this machine."""
    hours = [datetime.fromisoformat(row.accepted).astimezone().hour for row in rows]
    return [hours.count(hour) for hour in range(24)]


def _row_at(position: Position, row: Row | None) -> Row | None:
    # An id has older positions too if its order was deleted and accepted again.
    return row if row is not None and row.position == position else None
