"""What is kept of an order how long after its end: its workflow goes first, then its record, then the last trace."""

from datetime import datetime, timedelta
from typing import Literal

from pizzashop.domain.record import Record

GRACE_SECONDS = 60.0
"""How long an emptied record or a dead page of the index stays: longer than any write can be on its way.

The store takes a write with any ETag where the key is gone. Kept for a while, the key turns a late write away.
"""
LONG_AGO = "1970-01-01T00:00:00Z"

Due = Literal["purge", "empty", "erase"]


def due(record: Record, retention: float, now: datetime) -> Due | None:
    """What of the record is to go by `now`, the next thing first; `retention` is in seconds.

    Its workflow in the engine goes one retention after its end. After two, its content goes, and its key follows.
    """
    if not (record.final or record.deleted):
        return None
    age = _seconds_between(_end_of(record), now)
    if not record.purged:
        return "purge" if age >= retention else None
    if age < 2 * retention:
        return None
    if not record.deleted:
        return "empty"
    return "erase" if _seconds_between(record.emptied or LONG_AGO, now) >= grace(retention) else None


def grace(retention: float) -> float:
    """How long what is emptied stays, in seconds; a retention that is shorter still was not set to keep things safe."""
    return min(GRACE_SECONDS, retention)


def is_young(record: Record, retention: float, now: datetime) -> bool:
    """Whether it was accepted so lately that nothing of it, nor of any order after it, can be due."""
    return bool(record.history) and _seconds_between(record.history[0].at, now) < retention


def _end_of(record: Record) -> str:
    if record.ended is not None:
        return record.ended
    return record.history[-1].at if record.history else LONG_AGO


def _seconds_between(at: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(at)) / timedelta(seconds=1)
