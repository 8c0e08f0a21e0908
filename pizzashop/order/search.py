"""Find orders through the index: `GET /orders` lists them by status, `POST /search` finds them by id or name.

Both return pages, newest first; a page's `next` is the position of its last order. Search ignores how an id is written,
and case, accents and repeated blanks of a name. It is a POST because a customer's name does not belong in a URL.
"""

import re
from collections.abc import Collection, Iterator
from functools import cached_property
from typing import Annotated

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import AfterValidator, Field

from pizzashop.auth.people import INTERNAL, MANAGER
from pizzashop.domain.history import Clock, format_timestamp
from pizzashop.domain.ids import DEMO_PREFIX, normalize_id, parse_generated_id
from pizzashop.domain.lifecycle import FINAL, STATUSES
from pizzashop.domain.record import Record
from pizzashop.domain.requests import ORDER_ID_PATTERN, DigitsOnly, Request
from pizzashop.domain.text import fold
from pizzashop.order.boards import PAGES_READ_SECONDS, OrderRows, ReadingIncomplete
from pizzashop.order.index import Position, position_of
from pizzashop.order.repository import Repository
from pizzashop.order.schemas import OrderPage
from pizzashop.presentation.boards import ORDER_FILTERS, Row, SearchResult
from pizzashop.web.json_body import read_internal_json
from pizzashop.web.routes import Routes

MAX_ORDERS_PER_PAGE = 200
DEFAULT_ORDERS_PER_PAGE = 50

_ID_LIKE = re.compile(r"[\s#.,/-]*[A-Za-z0-9][\sA-Za-z0-9_#.,/-]*")

Cursor = Annotated[str, Field(pattern=r"^[0-9]{1,9}-[0-9]{1,9}$")]


def _one_of(names: Collection[str]) -> AfterValidator:
    def require_known(name: str) -> str:
        if name not in names:
            raise ValueError(f"one of {', '.join(sorted(names))}")
        return name

    return AfterValidator(require_known)


class ListQuery(Request):
    """Which orders to list; `after` is the `next` of the page before."""

    status: Annotated[str, _one_of({"open", "closed", *STATUSES})] | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_ORDERS_PER_PAGE, strict=False), DigitsOnly] = DEFAULT_ORDERS_PER_PAGE
    after: Cursor | None = None

    def matches(self, record: Record) -> bool:
        """Return whether the record is one of those to list."""
        if self.status in ("open", "closed"):
            return record.is_closed == (self.status == "closed")
        return self.status in (None, record.shown_status)


class SearchQuery(Request):
    """Which orders to find; `after` is the `next` of the page before."""

    text: str = Field("", max_length=200)
    filter: Annotated[str, _one_of(ORDER_FILTERS)] | None = None
    limit: int = Field(DEFAULT_ORDERS_PER_PAGE, ge=1, le=MAX_ORDERS_PER_PAGE)
    after: Cursor | None = None

    def matches(self, row: Row, now: str) -> bool:
        """Return whether the row is one of those to find."""
        if self.filter is not None and not ORDER_FILTERS[self.filter].passes(row, now):
            return False
        return not self._name or self._is_start_of(row.order_id) or self._name in fold(row.name)

    def _is_start_of(self, order_id: str) -> bool:
        """Return whether an id, or the part of it that the boards show, begins with the text."""
        if not _ID_LIKE.fullmatch(self.text):
            return False
        shown = order_id.removeprefix(DEMO_PREFIX)
        return any(normalize_id(each).startswith(self._id) for each in (order_id, shown))

    @cached_property
    def _name(self) -> str:
        return fold(self.text)

    @cached_property
    def _id(self) -> str:
        return normalize_id(self.text)


def make_search_routes(repository: Repository, rows: OrderRows, clock: Clock) -> Routes:
    """Return the routes that find orders."""
    routes = Routes("search")

    @routes.get("/orders", MANAGER, INTERNAL, response=OrderPage, query=ListQuery)
    def list_orders() -> ResponseReturnValue:
        """Return orders, newest first, a page at a time."""
        found, next_cursor = _list(repository, ListQuery.parse(request.args.to_dict()))
        return jsonify(orders=[record.view() for record in found], next=next_cursor)

    @routes.post("/search", MANAGER, INTERNAL, response=SearchResult, body=SearchQuery, internal=True)
    def search() -> ResponseReturnValue:
        """Return the orders that are found, a page at a time, and how many there are."""
        query = SearchQuery.parse(read_internal_json())
        now = format_timestamp(clock())
        found, is_complete = _search(rows, query, now)
        before = _parse_cursor(query.after)
        rest = [row for row in found if before is None or row.position < before]
        page = rest[: query.limit]
        # Rows of ended orders come from the cache: an order may have been deleted since.
        current = {row.order_id: row for row in rows.rows_of([row.order_id for row in page])}
        result = SearchResult(
            at=now,
            orders=[current[row.order_id] for row in page if row.order_id in current],
            next=_cursor(page[-1].position) if len(rest) > len(page) else None,
            found=len(found),
            complete=is_complete,
        )
        return jsonify(result.model_dump())

    return routes


def _list(repository: Repository, query: ListQuery) -> tuple[list[Record], str | None]:
    """Return a page of the orders that the query asks for, and the cursor of the next page."""
    before = _parse_cursor(query.after)
    # Only orders that have ended are in the index alone; for the others the open set is enough.
    may_be_closed = query.status in FINAL or query.status in (None, "closed")
    records = _indexed_records(repository, before) if may_be_closed else _open_records(repository, before)
    found: list[Record] = []
    for record in records:
        if query.matches(record):
            if len(found) == query.limit:
                return found, _cursor(position_of(found[-1]))
            found.append(record)
    return found, None


def _open_records(repository: Repository, before: Position | None) -> Iterator[Record]:
    records = repository.find_many(repository.open_orders.ids())
    yield from (
        record
        for record in sorted(records, key=position_of, reverse=True)
        if before is None or position_of(record) < before
    )


def _indexed_records(repository: Repository, before: Position | None) -> Iterator[Record]:
    for page in repository.index.pages_newest_first(before):
        found = repository.find_with_deleted([entry.order_id for entry in page])
        for entry in page:
            record = found.get(entry.order_id)
            # An id has older positions too if its order was deleted and accepted again.
            if record is not None and not record.deleted and position_of(record) == entry.position:
                yield record


def _search(rows: OrderRows, query: SearchQuery, now: str) -> tuple[list[Row], bool]:
    """Return the rows that are found, newest first, and whether all orders have been looked at."""
    found: dict[str, Row] = {}
    is_complete = True
    try:
        for row in _rows_to_search(rows, query):
            if query.matches(row, now):
                found.setdefault(row.order_id, row)
    except ReadingIncomplete:
        is_complete = False
    # A whole id finds its order, however old it is.
    text = query.text.strip()
    ids = [each for each in (text, parse_generated_id(text)) if each and ORDER_ID_PATTERN.fullmatch(each)]
    found |= {row.order_id: row for row in rows.rows_of(ids) if query.matches(row, now)}
    return sorted(found.values(), key=lambda row: row.position, reverse=True), is_complete


def _rows_to_search(rows: OrderRows, query: SearchQuery) -> Iterator[Row]:
    open_rows = rows.open_rows()
    if query.filter in {None, "closed", *FINAL}:
        for page in rows.pages_newest_first(PAGES_READ_SECONDS, open_rows):
            yield from page
    else:
        yield from open_rows


def _parse_cursor(cursor: str | None) -> Position | None:
    if cursor is None:
        return None
    page, place = cursor.split("-")
    return int(page), int(place)


def _cursor(position: Position) -> str:
    return f"{position[0]}-{position[1]}"
