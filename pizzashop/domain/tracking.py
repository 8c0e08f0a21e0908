"""An order as its customer follows it: a line of steps, which of them it is at, and what has become of each."""

from typing import Literal, NamedTuple

from pizzashop.domain.history import Entry
from pizzashop.domain.order import ACCEPTED, COOK_STEP, DELIVER_STEP, ORDER_STEP, PENDING_VALIDATION, RANK
from pizzashop.domain.record import Record

State = Literal["done", "now", "ahead", "stopped"]

_COOK = tuple(stage.status for stage in COOK_STEP.stages)
_BAKING = _COOK.index("cooking_baking")
_DELIVER = DELIVER_STEP.announced
_AT_THE_DOOR = _DELIVER.index("delivery_at_location")

STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Order taken", (ACCEPTED, *ORDER_STEP.announced)),
    ("Dough and toppings", _COOK[:_BAKING]),
    ("In the oven", _COOK[_BAKING:]),
    ("The manager's look", (COOK_STEP.done_status, PENDING_VALIDATION)),
    ("On its way", _DELIVER[:_AT_THE_DOOR]),
    ("At your door", _DELIVER[_AT_THE_DOOR:]),
)
"""Each step in the customer's words, and the statuses that it is made of."""
DOUGH, LOOK, ON_THE_WAY = 1, 3, 4


class Point(NamedTuple):
    """One step of the line: how it stands, when it began, and the status that it is in or came to last."""

    name: str
    state: State
    began: str | None
    status: str


def line(record: Record) -> list[Point]:
    """The line of steps of the pizza that is made now, or was made last."""
    here, attempt = _here(record), making(record)
    return [_point(record, number, here, attempt) for number in range(len(STEPS))]


def making(record: Record) -> int:
    """The number of the pizza that is made: the next one as soon as the last was sent back."""
    return record.attempt + (not record.closed and _verdict(record) == "remake")


def sent_back(record: Record) -> list[Entry]:
    """The manager's decisions to have a new one made, oldest first."""
    return [entry for entry in record.history if entry.kind == "decision" and entry.status == "remake"]


def _point(record: Record, number: int, here: int, attempt: int) -> Point:
    name, statuses = STEPS[number]
    # An order is taken once, however often its pizza is made.
    stages = record.stages_of(attempt if number else 1, statuses)
    state: State = "done" if number < here else "ahead"
    if number == here:
        state = "done" if record.status == "delivered" else "stopped" if record.closed else "now"
    return Point(name, state, stages[0].at if stages else None, stages[-1].status if stages else "")


def _here(record: Record) -> int:
    verdict = None if record.closed else _verdict(record)
    if verdict == "remake":
        return DOUGH
    last = _last_status(record)
    at = next(number for number, (_, statuses) in enumerate(STEPS) if last in statuses)
    return ON_THE_WAY if verdict == "approved" and at == LOOK else at


def _verdict(record: Record) -> str | None:
    """What was decided on a pizza that is cooked; a decision that came early waits."""
    decision = record.decision_of(record.attempt)
    return decision.status if decision and _last_status(record) in STEPS[LOOK][1] else None


def _last_status(record: Record) -> str:
    """The last stage that it has come to, also where it has ended there."""
    if record.status in RANK:
        return record.status
    stages = [e.status for e in record.history if e.kind == "stage" and e.attempt == record.attempt]
    return next((status for status in reversed(stages) if status in RANK), ACCEPTED)
