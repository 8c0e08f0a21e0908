"""What of an order is due to go, and when."""

from datetime import UTC, datetime, timedelta

import pytest

from pizzashop.domain.history import Entry
from pizzashop.domain.record import Record
from pizzashop.domain.retention import GRACE_SECONDS, due, grace, is_young

RETENTION = 1000.0
ACCEPTED = datetime(2026, 1, 1, tzinfo=UTC)
ENDED = ACCEPTED + timedelta(hours=1)


def order(**changes: object) -> Record:
    fresh = Record.accept("uid-1", {"order_id": "123"}, ACCEPTED.isoformat(), wanted=True)
    return fresh.model_copy(update=changes)


def ended(**changes: object) -> Record:
    record = order()
    record.end("failed", ENDED.isoformat(), "no oven")
    return record.model_copy(update=changes)


def after(seconds: float) -> datetime:
    return ENDED + timedelta(seconds=seconds)


def test_an_open_order_is_never_due() -> None:
    assert due(order(), RETENTION, after(1e9)) is None
    assert due(order(wanted=False), RETENTION, after(1e9)) is None
    cancelling = order()
    cancelling.cancel(ENDED.isoformat(), None, None)
    assert due(cancelling, RETENTION, after(1e9)) is None


@pytest.mark.parametrize(("seconds", "expected"), [(0, None), (999, None), (1000, "purge"), (1e9, "purge")])
def test_its_workflow_goes_one_retention_after_its_end(seconds: float, expected: str | None) -> None:
    assert due(ended(), RETENTION, after(seconds)) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(1000, None), (1999, None), (2000, "empty"), (1e9, "empty")])
def test_its_record_goes_after_two_and_never_before_its_workflow(seconds: float, expected: str | None) -> None:
    assert due(ended(purged=True), RETENTION, after(seconds)) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(0, None), (59, None), (60, "erase"), (1e9, "erase")])
def test_the_last_trace_stays_until_no_write_can_be_on_its_way(seconds: float, expected: str | None) -> None:
    record = ended(purged=True)
    record.delete(after(3000).isoformat())
    assert due(record, RETENTION, after(3000 + seconds)) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(0, None), (1999, None), (2000, "erase")])
def test_a_deleted_order_leaves_a_trace_for_as_long_as_others_keep_their_record(
    seconds: float, expected: str | None
) -> None:
    record = order(wanted=False)
    record.delete(ENDED.isoformat())
    record.purged = True
    assert due(record, RETENTION, after(seconds)) == expected


def test_an_order_that_was_deleted_after_its_end_goes_with_its_end() -> None:
    record = ended()
    record.delete(after(900).isoformat())
    assert due(record, RETENTION, after(1000)) == "purge"


def test_what_is_heard_of_it_later_does_not_prolong_it() -> None:
    record = ended()
    record.hear([Entry(status="cooked", attempt=9, at=after(5000).isoformat())])
    assert due(record, RETENTION, after(1000)) == "purge"


def test_a_record_from_before_its_end_was_noted() -> None:
    assert due(ended(ended=None), RETENTION, after(999)) is None
    assert due(ended(ended=None), RETENTION, after(1000)) == "purge"
    traces = Record(uid="uid-1", deleted=True, purged=True)
    assert due(traces, RETENTION, after(0)) == "erase"


def test_a_short_retention_has_a_short_grace() -> None:
    assert (grace(1.0), grace(60.0), grace(604800.0)) == (1.0, GRACE_SECONDS, GRACE_SECONDS)


def test_young_is_what_was_accepted_less_than_one_retention_ago() -> None:
    assert is_young(order(), RETENTION, ACCEPTED + timedelta(seconds=999))
    assert not is_young(order(), RETENTION, ACCEPTED + timedelta(seconds=1000))
    assert not is_young(Record(uid="uid-1", deleted=True), RETENTION, ACCEPTED)
