"""Count for the metrics what a write added to a record: its acceptance, stages, decisions, or its end.

The repository calls `count_write` after each write that the store has confirmed. So a fact counts once, however often
its change was made again after a conflict. A write without an answer does not count, although the store may have it.
"""

from itertools import pairwise
from typing import NamedTuple, Self

from pizzashop.domain.history import HistoryEntry, epoch_seconds
from pizzashop.domain.lifecycle import DELIVERED, FAILED, OVERDUE, RANK, find_failure
from pizzashop.domain.record import Record
from pizzashop.metrics import OrderMetrics


class PreviousState(NamedTuple):
    """A record before a change: whether its order had ended, and its history."""

    is_final: bool
    history: tuple[HistoryEntry, ...]

    @classmethod
    def of(cls, record: Record) -> Self:
        """Return the state of a record that was just read."""
        return cls(record.is_final, tuple(record.history))


def count_write(metrics: OrderMetrics, before: PreviousState | None, record: Record) -> None:
    """Count what a write has added to a record; `before` is None if the write created the record."""
    if before is None:
        metrics.accepted.inc()
    if record.deleted:
        return
    _, known = before or (False, ())
    if len(record.history) > len(known):
        _count_entries(metrics, set(map(id, known)), record)
    if record.is_final and not (before and before.is_final):
        reason = find_failure(record.error).reason if record.status == FAILED else ""
        metrics.ended(record.status, reason).inc()


def _count_entries(metrics: OrderMetrics, known: set[int], record: Record) -> None:
    stages = [entry for entry in record.history if entry.kind == "stage" and entry.status in RANK]
    # Do not measure a stage that is recorded after its successor: the time until the successor was counted already.
    for number, (before, stage) in enumerate(pairwise(stages), 1):
        if id(stage) not in known and not any(id(later) in known for later in stages[number + 1 :]):
            metrics.stage_seconds(before.status).observe(_seconds_between(before, stage))
            if stage.status == DELIVERED:
                metrics.delivery_seconds.observe(_seconds_between(record.history[0], stage))
    for entry in record.history:
        if id(entry) in known:
            continue
        if entry.kind == "decision":
            cooked = record.begun_stages(entry.attempt, ("cooked",))
            if cooked:
                metrics.decision_seconds(entry.status).observe(_seconds_between(cooked[0], entry))
        elif entry.status == OVERDUE and _is_first_reminder(record, entry):
            metrics.decisions_overdue.inc()


def _is_first_reminder(record: Record, reminder: HistoryEntry) -> bool:
    return reminder is next(e for e in record.history if e.status == OVERDUE and e.attempt == reminder.attempt)


def _seconds_between(earlier: HistoryEntry, later: HistoryEntry) -> float:
    # The clocks of two machines may differ a little.
    return max(0.0, epoch_seconds(later.at) - epoch_seconds(earlier.at))
