"""Count for the metrics: what each write added to a record, and at each scrape what the store has.

A write adds the acceptance of an order, stages, decisions or the end. The repository calls `count_write` after each
write that the store has confirmed. So a fact counts once, however often its change was made again after a conflict. A
write without an answer does not count, although the store may have it.
"""

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, Self

from pizzashop.domain.history import Clock, HistoryEntry, epoch_seconds, format_timestamp
from pizzashop.domain.lifecycle import DELIVERED, FAILED, FINAL, OVERDUE, RANK, STATUS_TABLE, find_failure
from pizzashop.domain.reconciliation import is_stuck
from pizzashop.domain.record import Record
from pizzashop.metrics import OrderMetrics, StoredCounts

if TYPE_CHECKING:
    from pizzashop.order.dead_letters import DeadLetters
    from pizzashop.order.repository import Repository


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


def count_stored(repository: "Repository", dead_letters: "DeadLetters", clock: Clock) -> StoredCounts:
    """Count the open orders and the kept dead letters; raise Unavailable if the store cannot be read."""
    records = [each for each in repository.find_many(repository.open_orders.ids()) if not each.is_final]
    now = clock()
    seconds, at = now.timestamp(), format_timestamp(now)
    # A status without an order counts as 0, so that its series does not end.
    by_status = Counter({status.name: 0 for status in STATUS_TABLE if status.name not in FINAL})
    by_status.update(record.status for record in records)
    return StoredCounts(
        by_status,
        stuck=sum(is_stuck(record, seconds, at) for record in records),
        overdue=sum(record.is_overdue for record in records),
        dead_letters_by_origin=dead_letters.count_by_origin(),
    )


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
