"""What the routes for the boards of the staff answer, as models."""

from pydantic import BaseModel

from pizzashop.domain.row import Row


class Counts(BaseModel):
    """The day in numbers."""

    open: int
    deciding: int
    late: int
    today: int
    failed: int


class Board(BaseModel):
    """Every open order, oldest first; `complete` says whether all of the day was read by now."""

    at: str
    orders: list[Row]
    counts: Counts
    hours: list[int]
    complete: bool


class Found(BaseModel):
    """A page of the orders that were looked for, newest first, and how many there are in all."""

    at: str
    orders: list[Row]
    next: str | None
    found: int
    complete: bool
