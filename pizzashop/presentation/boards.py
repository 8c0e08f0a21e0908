"""What has changed among the orders that pages watch: what the pages ask role `order`, and what it tells them."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from pizzashop.domain.history import Entry, format_timestamp
from pizzashop.domain.lifecycle import (
    ACCEPTED,
    CANCELLED,
    COOK_STEP,
    DELIVER_STEP,
    FINAL,
    ORDER_STEP,
    OVERDUE,
    PENDING_VALIDATION,
    RANK,
    STEPS,
)
from pizzashop.domain.record import OWN_FIELDS, Record
from pizzashop.domain.requests import OrderId, Request
from pizzashop.domain.text import one_line

LATE_FACTOR = 2.0
"""A stage may last so many times as long as it is meant to,"""
LATE_SLACK_SECONDS = 10.0
"""and so much longer: what a killed role costs (a lease of 8 seconds, and a little) makes nobody late."""

STAGE_SECONDS = {stage.status: stage.seconds for step in STEPS for stage in step.stages}


def late_at(record: Record, pace: float) -> str | None:
    """From when on the order counts as late, if it stays as it is; None: it cannot become late as it stands.

    Nobody is at work on an order that is paused, that has ended, or that was never started: these are never late.
    """
    if record.closed or record.paused or not record.wanted:
        return None
    if record.status == PENDING_VALIDATION and record.decision_of(record.attempt) is None:
        reminders = (e.at for e in record.history if e.status == OVERDUE and e.attempt == record.attempt)
        return next(reminders, None)
    allowed = LATE_FACTOR * STAGE_SECONDS.get(record.status, 0.0) * pace + LATE_SLACK_SECONDS
    return format_timestamp(datetime.fromisoformat(current_since(record)) + timedelta(seconds=allowed))


def current_since(record: Record) -> str:
    """When what lasts now began: its stage, the decision on it, or its going on after a pause, whichever was last."""
    return max(entry.at for entry in record.history if _counts(record, entry))


def _counts(record: Record, entry: Entry) -> bool:
    if entry.kind == "action":
        return entry.status != OVERDUE
    # A stage that the topic told of before the record moves to it (`delivered`) has not begun for the record.
    ahead = entry.status in RANK and record.status in RANK and entry.place > (record.attempt, RANK[record.status])
    return entry.kind == "decision" or not ahead


Phase = Literal["to_make", "cooking", "deciding", "ending", "on_the_way", "ended"]
"""Whose the order is: the kitchen's twice, the manager's, nobody's for a moment, the courier's, nobody's any more."""

_DECIDED: dict[str, Phase] = {"approved": "on_the_way", "remake": "to_make", "rejected": "ending"}
_STATUSES: dict[Phase, tuple[str, ...]] = {
    "to_make": (ACCEPTED, *ORDER_STEP.announced),
    "cooking": tuple(stage.status for stage in COOK_STEP.stages),
    "deciding": (COOK_STEP.done_status, PENDING_VALIDATION),
    "on_the_way": DELIVER_STEP.announced,
}
_PHASE_OF: dict[str, Phase] = {status: phase for phase, statuses in _STATUSES.items() for status in statuses}


class Row(BaseModel):
    """What a board shows of an order. Times are RFC 3339; `late_at` is when it becomes late, if it stays as it is."""

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
    making: int  # the number of the pizza that is made, or is to be made, for it
    paused: bool
    started: bool
    decision: str | None  # on the present attempt
    note: str | None  # why it was last sent back
    error: str | None
    accepted: str
    since: str
    phase_since: str
    late_at: str | None
    version: int
    page: int
    place: int

    @classmethod
    def of(cls, record: Record, pace: float) -> Self:
        """The row of a record that is there; `pace` is the shop's."""
        content, customer = record.order, record.order.get("customer") or {}
        decision, phase = record.decision_of(record.attempt), phase_of(record)
        sent_back = [e for e in record.history if e.kind == "decision" and e.status == "remake"]
        return cls(
            **{field: one_line(content.get(field, "")) for field in ("order_id", "pizza_type", "size")},
            **{field: one_line(customer.get(field, "")) for field in ("name", "address", "phone")},
            status=CANCELLED if record.cancelling else record.status,
            phase=phase,
            attempt=record.attempt,
            making=record.attempt + (phase == "to_make" and decision is not None),
            paused=record.paused,
            started=record.wanted,
            decision=decision.status if decision else None,
            note=sent_back[-1].note if sent_back else None,
            error=record.error,
            accepted=record.history[0].at,
            since=current_since(record),
            phase_since=_phase_since(record, phase, decision),
            late_at=late_at(record, pace),
            version=record.version,
            page=record.page,
            place=record.place,
        )

    @property
    def final(self) -> bool:
        """Whether it reads as ended."""
        return self.status in FINAL

    @property
    def position(self) -> tuple[int, int]:
        """Where it stands in the order of acceptance."""
        return self.page, self.place

    def is_late(self, now: str) -> bool:
        """Whether it is late at the moment `now`."""
        return self.late_at is not None and self.late_at <= now


def phase_of(record: Record) -> Phase:
    """Whose the order is now."""
    if record.closed:
        return "ended"
    decision, phase = record.decision_of(record.attempt), _PHASE_OF[record.status]
    return _DECIDED[decision.status] if decision and phase == "deciding" else phase


def _phase_since(record: Record, phase: Phase, decision: Entry | None) -> str:
    began = record.stages_of(record.attempt, _STATUSES.get(phase, ()))
    decided_here = decision is not None and record.status in _STATUSES["deciding"]
    return began[0].at if began and not decided_here else current_since(record)


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

    @property
    def versions(self) -> dict[str, int]:
        """Which version of each order it shows."""
        return {row.order_id: row.version for row in self.orders}

    @property
    def mark(self) -> str:
        """What tells it from a board that shows something else."""
        shown = f"{sorted(self.versions.items())} {self.counts.late} {self.complete}"
        return sha256(shown.encode()).hexdigest()[:16]

    def in_phase(self, *phases: str) -> list[Row]:
        """The orders that are in one of these phases, oldest first."""
        return [row for row in self.orders if row.phase in phases]

    @property
    def deciding(self) -> list[Row]:
        """What waits for a decision: what is late first, then the oldest."""
        return sorted(self.in_phase("deciding"), key=lambda row: not row.is_late(self.at))

    @property
    def under_way(self) -> list[Row]:
        """Every other open order."""
        return [row for row in self.orders if row.phase != "deciding"]


class SearchResult(BaseModel):
    """A page of the orders that were looked for, newest first, and how many there are in all."""

    at: str
    orders: list[Row]
    next: str | None
    found: int
    complete: bool


Versions = dict[OrderId, Annotated[int, Field(ge=0)]]
"""The version that is known of each order; 0: none."""


class ChangesQuery(Request):
    """The orders that are watched, and what the boards show, if one is watched; `anew`: tell it in any case."""

    orders: Versions = Field(default_factory=dict)
    board: Versions | None = None
    anew: bool = False


class ChangedOrder(BaseModel):
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

    orders: list[ChangedOrder]
    gone: list[str]
    board: Board | None
