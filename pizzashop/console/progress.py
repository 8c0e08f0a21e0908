"""How far an order has come, from 0 to 1: its fourteen stages, each as long as it lasts."""

from pizzashop.console.record import Record
from pizzashop.console.timeline import present_attempt
from pizzashop.domain.history import Entry, seconds_since
from pizzashop.domain.order import DELIVERED, ORDER_STEP, RANK, STEPS

_SECONDS = {stage.status: stage.seconds for step in STEPS for stage in step.stages}
_ALL = sum(_SECONDS.values())
_CONFIRMED = sum(stage.seconds for stage in ORDER_STEP.stages)


def fraction(record: Record) -> float:
    """The part of the way that is behind the order; a pizza that is made again starts over in the kitchen."""
    attempt = present_attempt(record)
    stages = [e for e in record.history if e.kind == "stage" and e.attempt == attempt and e.status in RANK]
    if record.status == DELIVERED:
        return 1.0
    if not stages:
        return _CONFIRMED / _ALL if attempt > 1 else 0.0
    latest = max(stages, key=lambda stage: RANK[stage.status])
    before = sum(seconds for status, seconds in _SECONDS.items() if RANK[status] < RANK[latest.status])
    return min(1.0, (before + _within(record, latest)) / _ALL)


def _within(record: Record, stage: Entry) -> float:
    # The shop's pace is not known here: a stage counts in full at the latest when the next one begins.
    return 0.0 if record.ended else min(seconds_since(stage.at), _SECONDS.get(stage.status, 0.0))
