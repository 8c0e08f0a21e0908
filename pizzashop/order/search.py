"""`POST /search`: orders by the beginning of their id, by the customer's name and by how they stand, newest first.

An id is found however it is written, a name without regard to case, accents and repeated blanks. Asked with POST, since
a customer's name has no place in an address.
"""

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Annotated

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue
from pydantic import AfterValidator, Field

from pizzashop.body import read_json_inside
from pizzashop.domain.board import Found
from pizzashop.domain.history import said
from pizzashop.domain.ids import DEMO_PREFIX, letters, own_id
from pizzashop.domain.order import FINAL, STATUSES
from pizzashop.domain.requests import ORDER_ID_FORM, Request
from pizzashop.domain.row import Row
from pizzashop.domain.text import fold
from pizzashop.order.listing import DEFAULT_LIMIT, MAX_LIMIT, place_of
from pizzashop.order.rows import StillReading
from pizzashop.order.today import READ_SECONDS, rows
from pizzashop.parts import Clock

blueprint = Blueprint("search", __name__)

_STANDING: dict[str, Callable[[Row, str], bool]] = {
    "open": lambda row, _: not row.final,
    "closed": lambda row, _: row.final,
    "deciding": lambda row, _: row.phase == "deciding",
    "late": lambda row, now: row.is_late(now),
    "paused": lambda row, _: row.paused,
}
WORDS = frozenset({*_STANDING, *STATUSES})
_LIKE_AN_ID = re.compile(r"[\s#.,/-]*[A-Za-z0-9][\sA-Za-z0-9_#.,/-]*")


def _known(standing: str) -> str:
    if standing not in WORDS:
        raise ValueError(f"one of {', '.join(sorted(WORDS))}")
    return standing


class Wanted(Request):
    """What is looked for; `after` is the `next` of the page before."""

    text: str = Field("", max_length=200)
    standing: Annotated[str, AfterValidator(_known)] | None = None
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


@blueprint.post("/search")
def search() -> ResponseReturnValue:
    """The orders that are looked for, a page at a time, and how many there are."""
    wanted = Wanted.parse(read_json_inside())
    clock: Clock = current_app.extensions["clock"]
    found, complete = _look(wanted, said(clock()))
    before = place_of(wanted.after)
    rest = [row for row in found if before is None or row.position < before]
    page = rest[: wanted.limit]
    # What has ended is remembered; somebody may have deleted it since.
    there = {row.order_id: row for row in rows().some([row.order_id for row in page])}
    shown = Found(
        at=said(clock()),
        orders=[there[row.order_id] for row in page if row.order_id in there],
        next=f"{page[-1].page}-{page[-1].place}" if len(rest) > len(page) else None,
        found=len(found),
        complete=complete,
    )
    return jsonify(shown.model_dump())


def _look(wanted: Wanted, now: str) -> tuple[list[Row], bool]:
    """What fits, newest first, and whether all orders were looked through."""
    found: dict[str, Row] = {}
    complete = True
    try:
        for row in _all(wanted):
            if wanted.fits(row, now):
                found.setdefault(row.order_id, row)
    except StillReading:
        complete = False
    # Whoever knows the whole id finds the order, however old it is.
    written = wanted.text.strip()
    ids = [each for each in (written, own_id(written)) if each and ORDER_ID_FORM.fullmatch(each)]
    found |= {row.order_id: row for row in rows().some(ids) if wanted.fits(row, now)}
    return sorted(found.values(), key=lambda row: row.position, reverse=True), complete


def _all(wanted: Wanted) -> Iterator[Row]:
    opened = rows().open()
    if wanted.standing not in {None, "closed", *FINAL}:
        yield from opened
        return
    for page in rows().newest(READ_SECONDS, opened):
        yield from page
