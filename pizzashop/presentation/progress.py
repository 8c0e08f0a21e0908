"""How far an order has come: its phase, since when, whether it is late, its milestones, and its arrival."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from pizzashop.domain.history import HistoryEntry, format_timestamp
from pizzashop.domain.lifecycle import (
    ACCEPTED,
    COOK_STEP,
    DECISION_BY_NAME,
    DELIVER_STEP,
    DELIVERED,
    HAPPY_PATH,
    ORDER_STEP,
    OVERDUE,
    PENDING_VALIDATION,
    RANK,
    STATUS_BY_NAME,
    Milestone,
    Phase,
    Status,
    TimedStage,
)
from pizzashop.domain.record import OrderSnapshot

# A stage is late after this many times its seconds and the slack.
LATE_FACTOR = 2.0
# The slack covers a killed role, which delays an order by a lease of 8 seconds and a little more.
LATE_SLACK_SECONDS = 10.0

_STATUSES_OF_MILESTONE = {
    each: tuple(status for status in HAPPY_PATH if STATUS_BY_NAME[status].milestone is each) for each in Milestone
}


def status_row(record: OrderSnapshot) -> Status:
    """Return the row of the order's status, or of its last known one when a newer release has set the status."""
    return STATUS_BY_NAME.get(record.status) or STATUS_BY_NAME[_last_stage(record)]


def pending_decision(record: OrderSnapshot) -> HistoryEntry | None:
    """Return the decision on a cooked pizza until the stage that follows from it begins."""
    if record.is_closed or status_row(record).phase != "deciding":
        return None
    return record.decision_of(record.attempt)


def current_attempt(record: OrderSnapshot) -> int:
    """Return the number of the pizza that is being made: the next number from the decision to remake on."""
    decision = pending_decision(record)
    return record.attempt + (decision is not None and decision.status == "remake")


def phase_of(record: OrderSnapshot) -> Phase:
    """Return the order's place on the staff's boards."""
    if record.is_closed:
        return "ended"
    decision = pending_decision(record)
    return DECISION_BY_NAME[decision.status].phase if decision else status_row(record).phase


def current_since(record: OrderSnapshot) -> str:
    """Return the time of the last change of what happens to the order.

    A change is the begin of a stage, a decision, a pause or its end, and the order's end.
    """
    return max(entry.at for entry in record.history if _has_begun(record, entry))


def _has_begun(record: OrderSnapshot, entry: HistoryEntry) -> bool:
    if entry.kind == "action":
        return entry.status != OVERDUE
    # `delivered` may be published before the record moves to it.
    is_ahead = entry.status in RANK and record.status in RANK and entry.rank > (record.attempt, RANK[record.status])
    return entry.kind == "decision" or not is_ahead


def phase_since(record: OrderSnapshot) -> str:
    """Return when the order's present phase began."""
    phase = phase_of(record)
    statuses = tuple(status for status in HAPPY_PATH if STATUS_BY_NAME[status].phase == phase)
    stages = [] if record.is_closed or pending_decision(record) else record.begun_stages(record.attempt, statuses)
    return stages[0].at if stages else current_since(record)


def late_at(record: OrderSnapshot, pace: float) -> str | None:
    """Return from when on the order is late, if nothing happens to it; None when it cannot become late.

    No step of a paused, ended or unstarted order runs, so it is never late. A decision is late from its first reminder.
    """
    if record.is_closed or record.paused or not record.workflow_requested:
        return None
    if record.status == PENDING_VALIDATION and record.decision_of(record.attempt) is None:
        reminders = (e.at for e in record.history if e.status == OVERDUE and e.attempt == record.attempt)
        return next(reminders, None)
    stage_seconds = (status_row(record).seconds or 0.0) * pace
    return _add_seconds(current_since(record), LATE_FACTOR * stage_seconds + LATE_SLACK_SECONDS)


PointState = Literal["done", "now", "ahead", "stopped"]


class ProgressPoint(NamedTuple):
    """One milestone of the customer's line.

    `began` is when its first stage began, None before that. `status` is its last stage that has begun, "" before that.
    """

    name: str
    state: PointState
    began: str | None
    status: str


def progress_line(record: OrderSnapshot) -> list[ProgressPoint]:
    """Return the customer's line of milestones for the pizza that is being made, or was made last."""
    milestones, present = list(Milestone), _present_milestone(record)
    return [_point(record, each, milestones.index(each) - milestones.index(present)) for each in milestones]


def _point(record: OrderSnapshot, milestone: Milestone, distance: int) -> ProgressPoint:
    # An order is taken once, however often its pizza is made.
    attempt = 1 if milestone is Milestone.ORDER else current_attempt(record)
    stages = record.begun_stages(attempt, _STATUSES_OF_MILESTONE[milestone])
    state: PointState = "done" if distance < 0 else "ahead"
    if distance == 0:
        state = "done" if record.status == DELIVERED else "stopped" if record.is_closed else "now"
    return ProgressPoint(milestone, state, stages[0].at if stages else None, stages[-1].status if stages else "")


def _present_milestone(record: OrderSnapshot) -> Milestone:
    decision = pending_decision(record)
    if decision is not None and decision.status == "remake":
        return Milestone.PREPARE
    if decision is not None and decision.status == "approved":
        return Milestone.DRIVE
    return STATUS_BY_NAME[_last_stage(record)].milestone or Milestone.ORDER


def _last_stage(record: OrderSnapshot) -> str:
    """Return the last known status on the happy path that the order has reached."""
    if record.status in RANK:
        return record.status
    stages = [e.status for e in record.history if e.kind == "stage" and e.attempt == record.attempt]
    return next((status for status in reversed(stages) if status in RANK), ACCEPTED)


def remake_decisions(record: OrderSnapshot) -> list[HistoryEntry]:
    """Return the manager's decisions to make a new pizza, oldest first."""
    return [entry for entry in record.history if entry.kind == "decision" and entry.status == "remake"]


class Arrival(NamedTuple):
    """An estimate of the arrival.

    `at` is when the pizza arrives, None before it is approved. `decidable_at` is when the pizza is ready for the
    decision, None when it is ready already. `delivery_seconds` is the time from the approval to the customer.
    """

    at: str | None
    decidable_at: str | None
    delivery_seconds: float


def estimate_arrival(record: OrderSnapshot, pace: float, now: str) -> Arrival | None:
    """Estimate the arrival at the moment `now`; None while the order is paused, ended or not started."""
    if record.is_closed or record.paused or not record.workflow_requested:
        return None
    decision = record.decision_of(record.attempt)
    verdict = decision.status if decision else None
    delivery_seconds = DELIVER_STEP.seconds * pace
    elapsed = (datetime.fromisoformat(now) - datetime.fromisoformat(current_since(record))).total_seconds()
    row = status_row(record)
    if row.step == "deliver":
        left = _remaining_seconds(DELIVER_STEP.timed_stages, row.name, pace, elapsed)
        return Arrival(_add_seconds(now, left), None, delivery_seconds)
    if row.phase == "deciding" and verdict != "remake":
        at = _add_seconds(now, delivery_seconds) if verdict == "approved" else None
        return Arrival(at, None, delivery_seconds)
    if row.phase == "deciding":
        return Arrival(None, _add_seconds(now, COOK_STEP.seconds * pace), delivery_seconds)
    left = _remaining_seconds((*ORDER_STEP.timed_stages, *COOK_STEP.timed_stages), row.name, pace, elapsed)
    at = _add_seconds(now, left + delivery_seconds) if verdict == "approved" else None
    return Arrival(at, _add_seconds(now, left), delivery_seconds)


def _remaining_seconds(stages: Sequence[TimedStage], status: str, pace: float, elapsed: float) -> float:
    """Return how long the stage `status` still lasts with all that follow it; all stages if none has begun."""
    statuses, seconds = [stage.status for stage in stages], [stage.seconds * pace for stage in stages]
    if status not in statuses:
        return sum(seconds)
    number = statuses.index(status)
    return max(0.0, seconds[number] - elapsed) + sum(seconds[number + 1 :])


def _add_seconds(at: str, seconds: float) -> str:
    return format_timestamp(datetime.fromisoformat(at) + timedelta(seconds=seconds))
