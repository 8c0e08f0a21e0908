"""What the shop removes of an order, and when."""

from datetime import UTC, datetime, timedelta

import pytest

from pizzashop.domain.history import HistoryEntry
from pizzashop.domain.record import Record
from pizzashop.domain.retention import GRACE_SECONDS, grace_seconds, is_recent, next_cleanup

RETENTION = 1000.0
ACCEPTED = datetime(2026, 1, 1, tzinfo=UTC)
ENDED = ACCEPTED + timedelta(hours=1)


def order(**changes: object) -> Record:
    fresh = Record.accept("uid-1", {"order_id": "123"}, ACCEPTED.isoformat(), with_workflow=True)
    return fresh.model_copy(update=changes)


def ended(**changes: object) -> Record:
    record = order()
    record.end("failed", ENDED.isoformat(), "no oven")
    return record.model_copy(update=changes)


def after(seconds: float) -> datetime:
    return ENDED + timedelta(seconds=seconds)


def test_an_open_order_is_never_due() -> None:
    assert next_cleanup(order(), RETENTION, after(1e9)) is None
    assert next_cleanup(order(workflow_requested=False), RETENTION, after(1e9)) is None
    cancelling = order()
    cancelling.cancel(ENDED.isoformat(), None, None)
    assert next_cleanup(cancelling, RETENTION, after(1e9)) is None


@pytest.mark.parametrize(("seconds", "expected"), [(0, None), (999, None), (1000, "purge"), (1e9, "purge")])
def test_the_workflow_is_purged_one_retention_after_the_end(seconds: float, expected: str | None) -> None:
    assert next_cleanup(ended(), RETENTION, after(seconds)) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(1000, None), (1999, None), (2000, "delete"), (1e9, "delete")])
def test_the_record_is_deleted_after_two_and_never_before_the_workflow(seconds: float, expected: str | None) -> None:
    assert next_cleanup(ended(purged=True), RETENTION, after(seconds)) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(0, None), (59, None), (60, "erase"), (1e9, "erase")])
def test_the_key_stays_until_no_write_can_be_under_way(seconds: float, expected: str | None) -> None:
    record = ended(purged=True)
    record.delete(after(3000).isoformat())
    assert next_cleanup(record, RETENTION, after(3000 + seconds)) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(0, None), (1999, None), (2000, "erase")])
def test_the_key_of_a_deleted_order_stays_for_two_retentions(seconds: float, expected: str | None) -> None:
    record = order(workflow_requested=False)
    record.delete(ENDED.isoformat())
    record.purged = True
    assert next_cleanup(record, RETENTION, after(seconds)) == expected


def test_the_end_counts_for_an_order_that_was_deleted_later() -> None:
    record = ended()
    record.delete(after(900).isoformat())
    assert next_cleanup(record, RETENTION, after(1000)) == "purge"


def test_a_late_event_does_not_prolong_the_retention() -> None:
    record = ended()
    record.apply_stages([HistoryEntry(status="cooked", attempt=9, at=after(5000).isoformat())])
    assert next_cleanup(record, RETENTION, after(1000)) == "purge"


def test_a_record_without_an_end_time_counts_from_its_last_entry() -> None:
    assert next_cleanup(ended(ended=None), RETENTION, after(999)) is None
    assert next_cleanup(ended(ended=None), RETENTION, after(1000)) == "purge"
    traces = Record(uid="uid-1", deleted=True, purged=True)
    assert next_cleanup(traces, RETENTION, after(0)) == "erase"


def test_a_short_retention_has_a_short_grace_period() -> None:
    assert (grace_seconds(1.0), grace_seconds(60.0), grace_seconds(604800.0)) == (1.0, GRACE_SECONDS, GRACE_SECONDS)


def test_an_order_is_recent_for_one_retention_after_it_was_accepted() -> None:
    assert is_recent(order(), RETENTION, ACCEPTED + timedelta(seconds=999))
    assert not is_recent(order(), RETENTION, ACCEPTED + timedelta(seconds=1000))
    assert not is_recent(Record(uid="uid-1", deleted=True), RETENTION, ACCEPTED)
