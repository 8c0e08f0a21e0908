"""How long the shop keeps an order after its end.

After one retention the engine purges its workflow. After two its record's content is deleted, then its key erased.
"""

from datetime import datetime
from typing import Literal

from pizzashop.domain.history import epoch_seconds
from pizzashop.domain.record import Record

# How long a deleted record, or a deleted page of the index, keeps its key: longer than a write can be under way. The
# store accepts a write with any ETag when the key is absent, so the key has to stay to refuse late writes.
GRACE_SECONDS = 60.0

_LONG_AGO = "1970-01-01T00:00:00Z"

Cleanup = Literal["purge", "delete", "erase"]


def next_cleanup(record: Record, retention: float, now: datetime) -> Cleanup | None:
    """Return what has to be removed of an order next, None when nothing is due; `retention` is in seconds.

    `purge` removes the workflow from the engine, `delete` the content of the record, `erase` its key.
    """
    if not (record.is_final or record.deleted):
        return None
    age = _age(_end_of(record), now)
    if not record.purged:
        return "purge" if age >= retention else None
    if age < 2 * retention:
        return None
    if not record.deleted:
        return "delete"
    return "erase" if _age(record.deleted_at or _LONG_AGO, now) >= grace_seconds(retention) else None


def grace_seconds(retention: float) -> float:
    """Return how long a deleted record keeps its key: a retention shorter than the grace period shortens it."""
    return min(GRACE_SECONDS, retention)


def is_recent(record: Record, retention: float, now: datetime) -> bool:
    """Return whether the order was accepted less than one retention ago: then nothing of it can be due."""
    return bool(record.history) and _age(record.history[0].at, now) < retention


def _end_of(record: Record) -> str:
    if record.ended_at is not None:
        return record.ended_at
    return record.history[-1].at if record.history else _LONG_AGO


def _age(at: str, now: datetime) -> float:
    return now.timestamp() - epoch_seconds(at)
