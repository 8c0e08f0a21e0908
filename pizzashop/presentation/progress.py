"""When a pizza arrives, as far as that can be known: stages have their time, the manager takes what he takes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from pizzashop.domain.history import Entry, format_timestamp
from pizzashop.domain.lifecycle import ACCEPTED, COOK_STEP, DELIVER_STEP, ORDER_STEP, PENDING_VALIDATION, RANK, Stage
from pizzashop.domain.record import Record
from pizzashop.presentation.boards import current_since

State = Literal["done", "now", "ahead", "stopped"]

_COOK = tuple(stage.status for stage in COOK_STEP.stages)
_BAKING = _COOK.index("cooking_baking")
_DELIVER = DELIVER_STEP.announced
_AT_THE_DOOR = _DELIVER.index("delivery_at_location")

PROGRESS_STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Order taken", (ACCEPTED, *ORDER_STEP.announced)),
    ("Dough and toppings", _COOK[:_BAKING]),
    ("In the oven", _COOK[_BAKING:]),
    ("The manager's look", (COOK_STEP.done_status, PENDING_VALIDATION)),
    ("On its way", _DELIVER[:_AT_THE_DOOR]),
    ("At your door", _DELIVER[_AT_THE_DOOR:]),
)
"""Each step in the customer's words, and the statuses that it is made of."""
DOUGH_STEP, DECISION_STEP, DELIVERY_STEP = 1, 3, 4


class Point(NamedTuple):
    """One step of the line: how it stands, when it began, and the status that it is in or came to last."""

    name: str
    state: State
    began: str | None
    status: str


def progress_line(record: Record) -> list[Point]:
    "The line of steps of the pizza that is made now, or was made last."
    here, attempt = _here(record), current_attempt(record)
    return [_point(record, number, here, attempt) for number in range(len(PROGRESS_STEPS))]


def current_attempt(record: Record) -> int:
    """The number of the pizza that is made: the next one as soon as the last was sent back."""
    return record.attempt + (not record.closed and _verdict(record) == "remake")


def remake_decisions(record: Record) -> list[Entry]:
    """The manager's decisions to have a new one made, oldest first."""
    return [entry for entry in record.history if entry.kind == "decision" and entry.status == "remake"]


def _point(record: Record, number: int, here: int, attempt: int) -> Point:
    name, statuses = PROGRESS_STEPS[number]
    # An order is taken once, however often its pizza is made.
    stages = record.stages_of(attempt if number else 1, statuses)
    state: State = "done" if number < here else "ahead"
    if number == here:
        state = "done" if record.status == "delivered" else "stopped" if record.closed else "now"
    return Point(name, state, stages[0].at if stages else None, stages[-1].status if stages else "")


def _here(record: Record) -> int:
    verdict = None if record.closed else _verdict(record)
    if verdict == "remake":
        return DOUGH_STEP
    last = _last_status(record)
    at = next(number for number, (_, statuses) in enumerate(PROGRESS_STEPS) if last in statuses)
    return DELIVERY_STEP if verdict == "approved" and at == DECISION_STEP else at


def _verdict(record: Record) -> str | None:
    """What was decided on a pizza that is cooked; a decision that came early waits."""
    decision = record.decision_of(record.attempt)
    return decision.status if decision and _last_status(record) in PROGRESS_STEPS[DECISION_STEP][1] else None


def _last_status(record: Record) -> str:
    """The last stage that it has come to, also where it has ended there."""
    if record.status in RANK:
        return record.status
    stages = [e.status for e in record.history if e.kind == "stage" and e.attempt == record.attempt]
    return next((status for status in reversed(stages) if status in RANK), ACCEPTED)


BEFORE_THE_LOOK = (*ORDER_STEP.stages, *COOK_STEP.stages)


class Arrival(NamedTuple):
    """When it is there (None: nobody can say, the manager has yet to look), and when he can look at it (None: now).

    `after` is how many seconds it takes from his yes to the door.
    """

    at: str | None
    look_at: str | None
    after: float


def estimate_arrival(record: Record, pace: float, now: str) -> Arrival | None:
    """The estimate at the moment `now`; None where nothing is under way."""
    if record.closed or record.paused or not record.wanted:
        return None
    decision = record.decision_of(record.attempt)
    verdict, bringing = decision.status if decision else None, _seconds(DELIVER_STEP.stages) * pace
    passed = (datetime.fromisoformat(now) - datetime.fromisoformat(current_since(record))).total_seconds()
    if record.status in DELIVER_STEP.announced:
        return Arrival(_in(now, _left(DELIVER_STEP.stages, record.status, pace, passed)), None, bringing)
    if record.status in (COOK_STEP.done_status, "pending_validation"):
        if verdict == "remake":
            return Arrival(None, _in(now, _seconds(COOK_STEP.stages) * pace), bringing)
        return Arrival(_in(now, bringing) if verdict == "approved" else None, None, bringing)
    look_at = _left(BEFORE_THE_LOOK, record.status, pace, passed)
    at = _in(now, look_at + bringing) if verdict == "approved" else None
    return Arrival(at, _in(now, look_at), bringing)


def _left(stages: Sequence[Stage], status: str, pace: float, passed: float) -> float:
    """What is left of this stage, and all that come after it; of all of them, where none of them has begun."""
    names = [stage.status for stage in stages]
    at = names.index(status) if status in names else -1
    of_this = max(0.0, stages[at].seconds * pace - passed) if at >= 0 else 0.0
    return of_this + _seconds(stages[at + 1 :]) * pace


def _seconds(stages: Sequence[Stage]) -> float:
    return sum(stage.seconds for stage in stages)


def _in(now: str, seconds: float) -> str:
    return format_timestamp(datetime.fromisoformat(now) + timedelta(seconds=seconds))
