"""Count the open orders and the dead letters in the store, for the metrics: at each scrape."""

from collections import Counter

from pizzashop.domain.history import Clock, format_timestamp
from pizzashop.domain.lifecycle import FINAL, STATUS_TABLE
from pizzashop.domain.reconciliation import is_stuck
from pizzashop.metrics import StoredCounts
from pizzashop.order.dead_letters import DeadLetters
from pizzashop.order.repository import Repository


def count_stored(repository: Repository, dead_letters: DeadLetters, clock: Clock) -> StoredCounts:
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
