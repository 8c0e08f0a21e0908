"""`GET /orders`: orders by status, newest first, a page at a time."""

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from pizzashop.domain.order import FINAL, STATUSES
from pizzashop.domain.record import Record
from pizzashop.domain.requests import Digits, Request, invalid
from pizzashop.order.records import Records

MAX_LIMIT = 200
DEFAULT_LIMIT = 50

WORDS = frozenset({"open", "closed", *STATUSES})


def _known(status: str) -> str:
    if status not in WORDS:
        raise ValueError(f"one of {', '.join(sorted(WORDS))}")
    return status


class Query(Request):
    """What is asked for; `after` is the `next` of the page before."""

    status: Annotated[str, AfterValidator(_known)] | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, strict=False), Digits] = DEFAULT_LIMIT
    after: Annotated[str, Field(pattern=r"^[0-9]{1,9}-[0-9]{1,9}$")] | None = None

    def wants(self, record: Record) -> bool:
        """Whether the record is one of those asked for."""
        if self.status in ("open", "closed"):
            return record.final == (self.status == "closed")
        return self.status in (None, record.status)

    @property
    def position(self) -> tuple[int, int] | None:
        """Where the page before ended: page and position in the index."""
        return place_of(self.after)


def place_of(cursor: str | None) -> tuple[int, int] | None:
    """The page and the position in the index that a cursor names."""
    if cursor is None:
        return None
    page, place = cursor.split("-")
    return int(page), int(place)


class Listing:
    """Finds orders through the index."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def page(self, arguments: dict[str, str]) -> tuple[list[Record], str | None]:
        """The orders that the query's arguments ask for, and the `after` of the next page, if there is one."""
        try:
            query = Query.model_validate(arguments)
        except ValidationError as error:
            raise invalid(error) from None
        if query.status in FINAL or query.status in (None, "closed"):
            return self._from_pages(query)
        return self._from_open(query)

    def _from_open(self, query: Query) -> tuple[list[Record], str | None]:
        found = [record for record in self._records.find_many(self._records.open.ids()) if query.wants(record)]
        found.sort(key=_order_of_acceptance, reverse=True)
        before = query.position
        rest = [record for record in found if before is None or _order_of_acceptance(record) < before]
        page, more = rest[: query.limit], len(rest) > query.limit
        return page, _cursor(*_order_of_acceptance(page[-1])) if more else None

    def _from_pages(self, query: Query) -> tuple[list[Record], str | None]:
        found: list[Record] = []
        for rows in self._records.pages.newest(query.position):
            records = {record.order["order_id"]: record for record in self._records.find_many([r[2] for r in rows])}
            for *position, order_id in rows:
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
