"""`GET /board`: what the boards of the staff show: every open order, the day in numbers, and the day by the hour."""

from collections.abc import Sequence
from datetime import datetime

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

from pizzashop.domain.board import Board, Counts
from pizzashop.domain.history import said
from pizzashop.domain.order import FAILED
from pizzashop.domain.row import Row
from pizzashop.domain.times import midnight
from pizzashop.order.rows import Rows, StillReading
from pizzashop.parts import Clock

READ_SECONDS = 2.0
"""How long one request may read orders that this process has not seen yet: the rest comes with the next ones."""

blueprint = Blueprint("today", __name__)


def rows() -> Rows:
    """The rows of the application that serves this request."""
    found: Rows = current_app.extensions["rows"]
    return found


@blueprint.get("/board")
def board() -> ResponseReturnValue:
    """Every open order as a row, oldest first, and the day in numbers."""
    return jsonify(made(rows().open()).model_dump())


def made(opened: list[Row]) -> Board:
    """The board of these open orders."""
    clock: Clock = current_app.extensions["clock"]
    moment = clock()
    today, complete = _accepted_since(said(midnight(moment)), opened)
    counts = count(opened, today, said(moment))
    return Board(at=said(moment), orders=opened, counts=counts, hours=by_hour(today), complete=complete)


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
    except StillReading:
        return found, False
    return found, True
