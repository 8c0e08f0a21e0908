"""What has changed among the orders that pages watch: what the pages ask role `order`, and what it tells them."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, Field

from pizzashop.domain.board import Board
from pizzashop.domain.known import OWN_FIELDS
from pizzashop.domain.record import Record
from pizzashop.domain.requests import OrderId, Request

Versions = dict[OrderId, Annotated[int, Field(ge=0)]]
"""The version that is known of each order; 0: none."""


class Watched(Request):
    """The orders that are watched, and what the boards show, if one is watched; `anew`: tell it in any case."""

    orders: Versions = Field(default_factory=dict)
    board: Versions | None = None
    anew: bool = False


class Told(BaseModel):
    """An order as anyone may read it, and what only the shop's own pages need."""

    order: dict[str, Any]
    uid: str
    wanted: bool

    @classmethod
    def of(cls, record: Record) -> Self:
        """What is told of a record."""
        return cls(order=record.view(), uid=record.uid, wanted=record.wanted)

    def record(self) -> Record:
        """The record, as far as it was told."""
        content = {name: value for name, value in self.order.items() if name not in OWN_FIELDS}
        known = {name: self.order[name] for name in OWN_FIELDS & self.order.keys() - {"overdue"}}
        return Record.model_validate({**known, "uid": self.uid, "wanted": self.wanted, "order": content})


class Changes(BaseModel):
    """The orders that are newer than what is known, those that are not there, and the board, if it is another."""

    orders: list[Told]
    gone: list[str]
    board: Board | None
