"""When an order counts as late, and what a board shows of it."""

from datetime import UTC, datetime, timedelta

import pytest

from pizzashop.domain.history import HistoryEntry, format_timestamp
from pizzashop.domain.record import Record
from pizzashop.presentation.boards import Row
from pizzashop.presentation.progress import current_since, estimate_arrival, late_at, phase_of, progress_line

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
CONTENT = {"order_id": "123", "pizza_type": "funghi", "size": "large", "customer": {"name": "Ana"}}


def at(seconds: float) -> str:
    return format_timestamp(START + timedelta(seconds=seconds))


@pytest.fixture
def record() -> Record:
    return Record.accept("uid-1", CONTENT, at(0), with_workflow=True)


def begin_stage(record: Record, status: str, seconds: float, attempt: int = 1) -> None:
    record.apply_stages([HistoryEntry(status=status, attempt=attempt, at=at(seconds))])


@pytest.mark.parametrize(("pace", "seconds"), [(1, 20), (10, 110), (0, 10)])
def test_a_stage_is_late_after_twice_its_seconds_and_ten_more(record: Record, pace: float, seconds: float) -> None:
    begin_stage(record, "cooking_baking", 100)
    assert late_at(record, pace) == at(100 + seconds)


def test_an_accepted_order_is_late_after_ten_seconds(record: Record) -> None:
    assert late_at(record, 1) == at(10)


def test_an_order_that_was_not_started_is_never_late() -> None:
    assert late_at(Record.accept("uid-1", CONTENT, at(0), with_workflow=False), 1) is None


def test_a_paused_order_is_not_late_and_its_time_starts_again_afterwards(record: Record) -> None:
    begin_stage(record, "cooking_baking", 0)
    record.pause(at(1), "ana", None)
    assert late_at(record, 1) is None
    record.resume(at(100), "ana", None)
    assert (current_since(record), late_at(record, 1)) == (at(100), at(120))


def test_a_decision_is_late_from_its_first_reminder(record: Record) -> None:
    begin_stage(record, "pending_validation", 0)
    assert late_at(record, 1) is None
    for seconds in (300, 600):
        record.history.append(HistoryEntry(kind="action", status="overdue", at=at(seconds)))
    assert (current_since(record), late_at(record, 1)) == (at(0), at(300))


def test_after_the_decision_the_next_step_can_be_late(record: Record) -> None:
    begin_stage(record, "pending_validation", 0)
    record.history.append(HistoryEntry(kind="action", status="overdue", at=at(300)))
    record.decide("approved", 1, at(400), "ana", None)
    assert late_at(record, 1) == at(410)


@pytest.mark.parametrize("end", ["delivered", "failed", "cancelled"])
def test_an_ended_order_is_not_late(record: Record, end: str) -> None:
    record.end(end, at(5), None)  # type: ignore[arg-type]
    assert (late_at(record, 1), current_since(record), phase_of(record)) == (None, at(5), "ended")


def test_a_delivery_that_the_record_has_not_reached_does_not_count(record: Record) -> None:
    begin_stage(record, "delivery_at_location", 10)
    begin_stage(record, "delivered", 11)
    assert current_since(record) == at(10)


@pytest.mark.parametrize(
    ("status", "verdict", "phase"),
    [
        ("accepted", None, "to_make"),
        ("confirmed", None, "to_make"),
        ("cooking_preparing_ingredients", None, "cooking"),
        ("cooking_quality_check", "approved", "cooking"),
        ("cooked", None, "deciding"),
        ("pending_validation", None, "deciding"),
        ("pending_validation", "approved", "on_the_way"),
        ("pending_validation", "remake", "to_make"),
        ("pending_validation", "rejected", "ending"),
        ("delivery_at_location", "approved", "on_the_way"),
    ],
)
def test_the_phase_follows_from_status_and_decision(
    record: Record, status: str, verdict: str | None, phase: str
) -> None:
    begin_stage(record, status, 10)
    if verdict:
        record.decide(verdict, 1, at(20), "ana", None)
    assert Row.from_record(record, 1).phase == phase


def test_an_order_that_is_being_cancelled_has_ended_for_the_boards(record: Record) -> None:
    record.cancel(at(5), "ana", None)
    row = Row.from_record(record, 1)
    assert (row.phase, row.status, row.is_closed) == ("ended", "cancelled", True)


def test_a_remake_shows_its_number_the_managers_note_and_its_time(record: Record) -> None:
    begin_stage(record, "cooking_baking", 10)
    begin_stage(record, "pending_validation", 20)
    record.decide("remake", 1, at(30), "ana", "too dark")
    row = Row.from_record(record, 1)
    assert (row.current_attempt, row.note, row.phase_since) == (2, "too dark", at(30))
    begin_stage(record, "cooking_preparing_ingredients", 31, attempt=2)
    begin_stage(record, "cooking_making_dough", 33, attempt=2)
    row = Row.from_record(record, 1)
    assert (row.current_attempt, row.note, row.decision) == (2, "too dark", None)
    assert (row.phase_since, row.since) == (at(31), at(33))


def test_an_early_remake_is_for_the_pizza_that_is_not_cooked_yet(record: Record) -> None:
    begin_stage(record, "processing", 10)
    record.decide("remake", 1, at(20), "ana", "too dark")
    assert Row.from_record(record, 1).current_attempt == 1
    begin_stage(record, "cooked", 30)
    assert Row.from_record(record, 1).current_attempt == 2


def test_an_order_is_late_from_that_moment_on(record: Record) -> None:
    row = Row.from_record(record, 1)
    assert (row.is_late(at(9.9)), row.is_late(at(10))) == (False, True)


def test_an_order_in_a_stage_of_a_newer_release_counts_as_in_its_last_known_stage(record: Record) -> None:
    begin_stage(record, "cooking_baking", 5)
    record.status = "cooking_resting"
    record.history.append(HistoryEntry(status="cooking_resting", at=at(6)))
    row = Row.from_record(record, 1)
    assert (row.status, row.phase, row.late_at) == ("cooking_resting", "cooking", at(26))
    assert [point.state for point in progress_line(record)] == ["done", "done", "now", "ahead", "ahead", "ahead"]
    assert estimate_arrival(record, 1, at(7)) is not None
