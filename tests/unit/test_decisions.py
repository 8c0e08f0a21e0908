"""Decisions: reminders while one is missing, the deadline, and the time that does not count."""

from datetime import UTC, datetime, timedelta

import pytest

from pizzashop.domain.decisions import DecisionQuery, DecisionState, check_decision, seconds_waited
from pizzashop.domain.history import HistoryEntry
from pizzashop.domain.record import Record

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
DEADLINE = "Pizza validation failed - no decision within 100 s"


def at(seconds: float) -> str:
    """So many seconds after the pizza was put before the manager."""
    return (START + timedelta(seconds=seconds)).isoformat()


@pytest.fixture
def record() -> Record:
    waits = Record.accept("uid-1", {"order_id": "123"}, at(-10), with_workflow=True)
    waits.apply_stages([HistoryEntry(status="pending_validation", at=at(0))])
    return waits


def ask(record: Record, seconds: float, reminder: float | None = 10, deadline: float | None = None) -> DecisionState:
    return check_decision(record, DecisionQuery(attempt=1, reminder=reminder, deadline=deadline), at(seconds))


def overdue(record: Record) -> list[HistoryEntry]:
    return [entry for entry in record.history if entry.status == "overdue"]


def test_it_is_overdue_after_one_two_four_and_eight_reminders(record: Record) -> None:
    assert [ask(record, seconds).seconds for seconds in (10, 20, 40, 80)] == [10, 20, 40, None]
    assert [(entry.kind, entry.by, entry.note) for entry in overdue(record)] == [
        ("action", "the clock", f"no decision for {seconds} s") for seconds in (10, 20, 40, 80)
    ]
    assert record.view()["overdue"] is True


def test_it_is_not_overdue_before_its_time(record: Record) -> None:
    assert ask(record, 9.5) == DecisionState(seconds=0.5)
    assert (overdue(record), "overdue" in record.view()) == ([], False)


def test_each_reminder_is_noted_once(record: Record) -> None:
    assert [ask(record, 10).seconds, ask(record, 10).seconds, ask(record, 11).seconds] == [10, 10, 9]
    assert len(overdue(record)) == 1


def test_after_a_long_outage_one_reminder_stands_for_those_that_were_missed(record: Record) -> None:
    assert ask(record, 50).seconds == 30
    assert len(overdue(record)) == 1


def test_without_reminder_and_deadline_it_waits_without_end(record: Record) -> None:
    assert ask(record, 1e6, reminder=None) == DecisionState()
    assert overdue(record) == []


def test_a_deadline_fails_the_order_at_once(record: Record) -> None:
    assert ask(record, 90, reminder=None, deadline=100).seconds == 10
    assert ask(record, 100, reminder=None, deadline=100) == DecisionState(failed=DEADLINE)
    assert (record.status, record.error) == ("failed", DEADLINE)
    assert ask(record, 101, deadline=100) == DecisionState(failed=DEADLINE), "asked again, the same"


@pytest.mark.parametrize(("verdict", "approved", "remake"), [("approved", 1, 0), ("rejected", 0, 0), ("remake", 0, 1)])
def test_a_recorded_decision_counts_after_the_deadline_too(
    record: Record, verdict: str, approved: bool, remake: bool
) -> None:
    record.decide(verdict, 1, at(99), None, None)
    standing = ask(record, 500, deadline=100)
    assert standing.decision is not None
    assert (standing.decision.approved, standing.decision.remake) == (approved, remake)
    assert (record.is_final, overdue(record)) == (False, [])


def test_it_is_overdue_only_while_it_waits(record: Record) -> None:
    ask(record, 10)
    record.decide("approved", 1, at(11), None, None)
    assert "overdue" not in record.view()


def test_the_end_of_an_order_is_shown(record: Record) -> None:
    record.cancel(at(1), None, None)
    record.end("cancelled", at(2), None)
    assert ask(record, 10) == DecisionState(failed="the order is cancelled")


class TestPaused:
    def test_time_paused_does_not_count(self, record: Record) -> None:
        for begin, end in ((1, 3), (5, 9)):
            record.pause(at(begin), None, None)
            record.resume(at(end), None, None)
        assert seconds_waited(record, 1, at(2)) == 1
        assert seconds_waited(record, 1, at(7)) == 3
        assert seconds_waited(record, 1, at(20)) == 14
        assert ask(record, 15).seconds == 1
        assert ask(record, 16).seconds == 10

    def test_nor_what_was_paused_before_the_pizza_was_there(self, record: Record) -> None:
        record.history[1:1] = [HistoryEntry(kind="action", status="paused", at=at(-5))]
        record.resume(at(0), None, None)
        record.history.append(HistoryEntry(kind="action", status="resumed", at=at(4)))
        assert seconds_waited(record, 1, at(10)) == 6

    def test_nothing_is_due_while_it_is_paused(self, record: Record) -> None:
        record.pause(at(50), None, None)
        assert ask(record, 5000, deadline=100).seconds == 1
        assert (overdue(record), record.is_final) == ([], False)
        record.resume(at(5000), None, None)
        assert ask(record, 5049, deadline=100).failed is None
        assert ask(record, 5050, deadline=100).failed == DEADLINE

    def test_another_attempt_has_its_own_time(self, record: Record) -> None:
        ask(record, 10)
        record.decide("remake", 1, at(11), None, None)
        record.apply_stages([HistoryEntry(status="pending_validation", attempt=2, at=at(100))])
        assert not record.is_overdue
        assert check_decision(record, DecisionQuery(attempt=2, reminder=10), at(105)).seconds == 5
