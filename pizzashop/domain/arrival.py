"""When a pizza arrives, as far as that can be known: stages have their time, the manager takes what he takes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from pizzashop.domain.history import said
from pizzashop.domain.late import since
from pizzashop.domain.order import COOK_STEP, DELIVER_STEP, ORDER_STEP, Stage
from pizzashop.domain.record import Record

BEFORE_THE_LOOK = (*ORDER_STEP.stages, *COOK_STEP.stages)


class Arrival(NamedTuple):
    """When it is there (None: nobody can say, the manager has yet to look), and when he can look at it (None: now).

    `after` is how many seconds it takes from his yes to the door.
    """

    at: str | None
    look_at: str | None
    after: float


def arrival(record: Record, pace: float, now: str) -> Arrival | None:
    """The estimate at the moment `now`; None where nothing is under way."""
    if record.closed or record.paused or not record.wanted:
        return None
    decision = record.decision_of(record.attempt)
    verdict, bringing = decision.status if decision else None, _seconds(DELIVER_STEP.stages) * pace
    passed = (datetime.fromisoformat(now) - datetime.fromisoformat(since(record))).total_seconds()
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
    return said(datetime.fromisoformat(now) + timedelta(seconds=seconds))
