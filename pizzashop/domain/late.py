"""When an order is late: the stage that it is in lasts much longer than it should, or the manager was reminded."""

from datetime import datetime, timedelta

from pizzashop.domain.history import Entry, said
from pizzashop.domain.order import OVERDUE, PENDING_VALIDATION, RANK, STEPS
from pizzashop.domain.record import Record

TIMES = 2.0
"""A stage may last so many times as long as it is meant to,"""
SLACK_SECONDS = 10.0
"""and so much longer: what a killed role costs (a lease of 8 seconds, and a little) makes nobody late."""

SECONDS = {stage.status: stage.seconds for step in STEPS for stage in step.stages}


def late_at(record: Record, pace: float) -> str | None:
    """From when on the order counts as late, if it stays as it is; None: it cannot become late as it stands.

    Nobody is at work on an order that is paused, that has ended, or that was never started: these are never late.
    """
    if record.closed or record.paused or not record.wanted:
        return None
    if record.status == PENDING_VALIDATION and record.decision_of(record.attempt) is None:
        reminders = (e.at for e in record.history if e.status == OVERDUE and e.attempt == record.attempt)
        return next(reminders, None)
    allowed = TIMES * SECONDS.get(record.status, 0.0) * pace + SLACK_SECONDS
    return said(datetime.fromisoformat(since(record)) + timedelta(seconds=allowed))


def since(record: Record) -> str:
    """When what lasts now began: its stage, the decision on it, or its going on after a pause, whichever was last."""
    return max(entry.at for entry in record.history if _counts(record, entry))


def _counts(record: Record, entry: Entry) -> bool:
    if entry.kind == "action":
        return entry.status != OVERDUE
    # A stage that the topic told of before the record moves to it (`delivered`) has not begun for the record.
    ahead = entry.status in RANK and record.status in RANK and entry.place > (record.attempt, RANK[record.status])
    return entry.kind == "decision" or not ahead
