"""An order as one row of a board or a list: what the staff see of it at a glance."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from pizzashop.domain.history import Entry
from pizzashop.domain.late import late_at, since
from pizzashop.domain.order import (
    ACCEPTED,
    CANCELLED,
    COOK_STEP,
    DELIVER_STEP,
    FINAL,
    ORDER_STEP,
    PENDING_VALIDATION,
)
from pizzashop.domain.record import Record
from pizzashop.domain.text import one_line

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
            since=since(record),
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
    return began[0].at if began and not decided_here else since(record)
