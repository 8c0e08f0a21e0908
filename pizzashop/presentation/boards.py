"""The models that role `order` answers to the pages: the rows of the boards, and what has changed since."""

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field

from pizzashop.domain.lifecycle import FINAL, STATUS_TABLE, Phase
from pizzashop.domain.record import OrderSnapshot, Record
from pizzashop.domain.requests import OrderId, Request
from pizzashop.domain.text import to_single_line
from pizzashop.presentation.progress import (
    current_attempt,
    current_since,
    late_at,
    phase_of,
    phase_since,
    remake_decisions,
)


class Row(BaseModel):
    """What a board shows of an order. Times are RFC 3339; `late_at` is when it becomes late if nothing happens.

    `attempt` is the record's. `current_attempt` is one more from a decision to remake until the next pizza begins.
    `decision` is the one on `attempt`. `note` is the reason for the last remake.
    """

    model_config = ConfigDict(frozen=True)

    order_id: str
    pizza_type: str
    size: str
    name: str
    address: str
    phone: str
    status: str
    phase: Phase
    attempt: int
    current_attempt: int
    paused: bool
    workflow_requested: bool
    decision: str | None
    note: str | None
    error: str | None
    accepted: str
    since: str
    phase_since: str
    late_at: str | None
    version: int
    index_page: int
    index_place: int

    @classmethod
    def from_record(cls, record: Record, pace: float) -> Self:
        """Return the row of an order that is not deleted; `pace` is the shop's."""
        content, customer = record.order, record.order.get("customer") or {}
        decision, remakes = record.decision_of(record.attempt), remake_decisions(record)
        return cls(
            **{field: to_single_line(content.get(field, "")) for field in ("order_id", "pizza_type", "size")},
            **{field: to_single_line(customer.get(field, "")) for field in ("name", "address", "phone")},
            status=record.shown_status,
            phase=phase_of(record),
            attempt=record.attempt,
            current_attempt=current_attempt(record),
            paused=record.paused,
            workflow_requested=record.workflow_requested,
            decision=decision.status if decision else None,
            note=remakes[-1].note if remakes else None,
            error=record.error,
            accepted=record.history[0].at,
            since=current_since(record),
            phase_since=phase_since(record),
            late_at=late_at(record, pace),
            version=record.version,
            index_page=record.index_page,
            index_place=record.index_place,
        )

    @property
    def is_closed(self) -> bool:
        """Whether the order has ended, or is being cancelled."""
        return self.status in FINAL

    @property
    def position(self) -> tuple[int, int]:
        """The order's position in the index, which is by the time of acceptance."""
        return self.index_page, self.index_place

    def is_late(self, now: str) -> bool:
        """Return whether the order is late at the moment `now`."""
        return self.late_at is not None and self.late_at <= now


def _has_status(status: str, row: Row, _: str) -> bool:
    return row.status == status


class OrderFilter(NamedTuple):
    """A filter of orders: its words for the staff, and whether a row passes it at a moment."""

    text: str
    passes: Callable[[Row, str], bool]


# The filters by name. A status is a filter too.
ORDER_FILTERS = {
    "open": OrderFilter("open", lambda row, _: not row.is_closed),
    "deciding": OrderFilter("waiting for a decision", lambda row, _: row.phase == "deciding"),
    "late": OrderFilter("late", lambda row, now: row.is_late(now)),
    "paused": OrderFilter("paused", lambda row, _: row.paused),
    "closed": OrderFilter("ended", lambda row, _: row.is_closed),
    **{status.name: OrderFilter(status.text, partial(_has_status, status.name)) for status in STATUS_TABLE},
}


class Counts(BaseModel):
    """The numbers of the day."""

    open: int
    deciding: int
    late: int
    today: int
    failed: int


class Board(BaseModel):
    """Every open order, oldest first. `complete` is whether role `order` has read all orders of the day."""

    at: str
    orders: list[Row]
    counts: Counts
    hours: list[int]
    complete: bool

    @property
    def versions(self) -> dict[str, int]:
        """The version of each order on the board."""
        return {row.order_id: row.version for row in self.orders}

    @property
    def etag(self) -> str:
        """A digest of what the board shows."""
        content = f"{sorted(self.versions.items())} {self.counts.late} {self.complete}"
        return sha256(content.encode()).hexdigest()[:16]

    def in_phase(self, phase: Phase) -> list[Row]:
        """Return the orders in this phase, oldest first."""
        return [row for row in self.orders if row.phase == phase]

    @property
    def undecided(self) -> list[Row]:
        """The orders that need a decision: late orders first, then oldest first."""
        return sorted(self.in_phase("deciding"), key=lambda row: not row.is_late(self.at))

    @property
    def in_progress(self) -> list[Row]:
        """Every other open order."""
        return [row for row in self.orders if row.phase != "deciding"]


class SearchResult(BaseModel):
    """One page of the orders that a search found, newest first, and how many it found in all."""

    at: str
    orders: list[Row]
    next: str | None
    found: int
    complete: bool


# The version of each order that the asking process knows; 0 when it knows none.
Versions = dict[OrderId, Annotated[int, Field(ge=0)]]


class ChangesQuery(Request):
    """The orders that are watched, and the orders on the watched board, if one is.

    With `include_board` the answer contains the board even when its orders have not changed.
    """

    orders: Versions = Field(default_factory=dict)
    board: Versions | None = None
    include_board: bool = False


class Changes(BaseModel):
    """The orders that have a newer version, the ids that no order has, and the board, if it has changed."""

    orders: list[OrderSnapshot]
    gone: list[str]
    board: Board | None
