"""`POST /search`: orders by the beginning of their id, by the customer's name and by how they stand, newest first.

An id is found however it is written, a name without regard to case, accents and repeated blanks. Asked with POST, since
a customer's name has no place in an address.
"""

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Annotated

from flask import current_app, jsonify
from flask.typing import ResponseReturnValue
from pydantic import AfterValidator, Field, ValidationError

from pizzashop.auth.people import INTERNAL, MANAGER
from pizzashop.domain.history import format_timestamp
from pizzashop.domain.ids import DEMO_PREFIX, letters, parse_generated_id
from pizzashop.domain.lifecycle import FINAL, STATUSES
from pizzashop.domain.record import Record
from pizzashop.domain.requests import ORDER_ID_PATTERN, DigitsOnly, Request, invalid_request
from pizzashop.domain.text import fold
from pizzashop.order.boards import READ_SECONDS, ReadingIncomplete, rows
from pizzashop.order.repository import Repository
from pizzashop.presentation.boards import Row, SearchResult
from pizzashop.web.dependencies import Clock
from pizzashop.web.json_body import read_internal_json
from pizzashop.web.routes import Routes

MAX_LIMIT = 200
DEFAULT_LIMIT = 50

LISTED_STATUSES = frozenset({"open", "closed", *STATUSES})


def _known_status(status: str) -> str:
    if status not in LISTED_STATUSES:
        raise ValueError(f"one of {', '.join(sorted(LISTED_STATUSES))}")
    return status


class ListQuery(Request):
    """What is asked for; `after` is the `next` of the page before."""

    status: Annotated[str, AfterValidator(_known_status)] | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, strict=False), DigitsOnly] = DEFAULT_LIMIT
    after: Annotated[str, Field(pattern=r"^[0-9]{1,9}-[0-9]{1,9}$")] | None = None

    def wants(self, record: Record) -> bool:
        """Whether the record is one of those asked for."""
        if self.status in ("open", "closed"):
            return record.is_final == (self.status == "closed")
        return self.status in (None, record.status)

    @property
    def position(self) -> tuple[int, int] | None:
        """Where the page before ended: page and position in the index."""
        return cursor_position(self.after)


def cursor_position(cursor: str | None) -> tuple[int, int] | None:
    """The page and the position in the index that a cursor names."""
    if cursor is None:
        return None
    page, place = cursor.split("-")
    return int(page), int(place)


class Listing:
    """Finds orders through the index."""

    def __init__(self, records: Repository) -> None:
        self._records = records

    def page(self, arguments: dict[str, str]) -> tuple[list[Record], str | None]:
        """The orders that the query's arguments ask for, and the `after` of the next page, if there is one."""
        try:
            query = ListQuery.model_validate(arguments)
        except ValidationError as error:
            raise invalid_request(error) from None
        if query.status in FINAL or query.status in (None, "closed"):
            return self._from_pages(query)
        return self._from_open(query)

    def _from_open(self, query: ListQuery) -> tuple[list[Record], str | None]:
        found = [record for record in self._records.find_many(self._records.open.ids()) if query.wants(record)]
        found.sort(key=_order_of_acceptance, reverse=True)
        before = query.position
        rest = [record for record in found if before is None or _order_of_acceptance(record) < before]
        page, more = rest[: query.limit], len(rest) > query.limit
        return page, _cursor(*_order_of_acceptance(page[-1])) if more else None

    def _from_pages(self, query: ListQuery) -> tuple[list[Record], str | None]:
        found: list[Record] = []
        for page in self._records.pages.newest(query.position):
            records = {record.order["order_id"]: record for record in self._records.find_many([r[2] for r in page])}
            for *position, order_id in page:
                record = records.get(order_id)
                # An id can stand in an older place too, from before it was deleted and accepted again.
                if record is None or [record.page, record.place] != position or not query.wants(record):
                    continue
                if len(found) == query.limit:
                    return found, _cursor(*_order_of_acceptance(found[-1]))
                found.append(record)
        return found, None


def _order_of_acceptance(record: Record) -> tuple[int, int]:
    return record.page, record.place


def _cursor(page: int, place: int) -> str:
    return f"{page}-{place}"


routes = Routes("search")

_STANDING: dict[str, Callable[[Row, str], bool]] = {
    "open": lambda row, _: not row.final,
    "closed": lambda row, _: row.final,
    "deciding": lambda row, _: row.phase == "deciding",
    "late": lambda row, now: row.is_late(now),
    "paused": lambda row, _: row.paused,
}
STANDINGS = frozenset({*_STANDING, *STATUSES})
_LIKE_AN_ID = re.compile(r"[\s#.,/-]*[A-Za-z0-9][\sA-Za-z0-9_#.,/-]*")


def _known_standing(standing: str) -> str:
    if standing not in STANDINGS:
        raise ValueError(f"one of {', '.join(sorted(STANDINGS))}")
    return standing


class SearchQuery(Request):
    """What is looked for; `after` is the `next` of the page before."""

    text: str = Field("", max_length=200)
    standing: Annotated[str, AfterValidator(_known_standing)] | None = None
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    after: Annotated[str, Field(pattern=r"^[0-9]{1,9}-[0-9]{1,9}$")] | None = None

    def fits(self, row: Row, now: str) -> bool:
        """Whether the row is one of those that are looked for."""
        if self.standing is not None and not self._stands(row, now):
            return False
        return not self._name or self._begins(row.order_id) or self._name in fold(row.name)

    def _begins(self, order_id: str) -> bool:
        """Whether what is looked for is the beginning of an id, or of the part that the boards show of it."""
        if not _LIKE_AN_ID.fullmatch(self.text):
            return False
        return any(letters(each).startswith(self._letters) for each in (order_id, order_id.removeprefix(DEMO_PREFIX)))

    @cached_property
    def _name(self) -> str:
        return fold(self.text)

    @cached_property
    def _letters(self) -> str:
        return letters(self.text)

    def _stands(self, row: Row, now: str) -> bool:
        if self.standing in _STANDING:
            return _STANDING[self.standing](row, now)
        return row.status == self.standing


@routes.post("/search", MANAGER, INTERNAL, response=SearchResult, body=SearchQuery, internal=True)
def search() -> ResponseReturnValue:
    """The orders that are looked for, a page at a time, and how many there are."""
    wanted = SearchQuery.parse(read_internal_json())
    clock: Clock = current_app.extensions["clock"]
    found, complete = _look(wanted, format_timestamp(clock()))
    before = cursor_position(wanted.after)
    rest = [row for row in found if before is None or row.position < before]
    page = rest[: wanted.limit]
    # What has ended is remembered; somebody may have deleted it since.
    there = {row.order_id: row for row in rows().some([row.order_id for row in page])}
    shown = SearchResult(
        at=format_timestamp(clock()),
        orders=[there[row.order_id] for row in page if row.order_id in there],
        next=f"{page[-1].page}-{page[-1].place}" if len(rest) > len(page) else None,
        found=len(found),
        complete=complete,
    )
    return jsonify(shown.model_dump())


def _look(wanted: SearchQuery, now: str) -> tuple[list[Row], bool]:
    """What fits, newest first, and whether all orders were looked through."""
    found: dict[str, Row] = {}
    complete = True
    try:
        for row in _all(wanted):
            if wanted.fits(row, now):
                found.setdefault(row.order_id, row)
    except ReadingIncomplete:
        complete = False
    # Whoever knows the whole id finds the order, however old it is.
    written = wanted.text.strip()
    ids = [each for each in (written, parse_generated_id(written)) if each and ORDER_ID_PATTERN.fullmatch(each)]
    found |= {row.order_id: row for row in rows().some(ids) if wanted.fits(row, now)}
    return sorted(found.values(), key=lambda row: row.position, reverse=True), complete


def _all(wanted: SearchQuery) -> Iterator[Row]:
    opened = rows().open()
    if wanted.standing not in {None, "closed", *FINAL}:
        yield from opened
        return
    for page in rows().newest(READ_SECONDS, opened):
        yield from page
