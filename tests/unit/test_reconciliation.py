"""Which commands are repeated to the engine after a crash, and which orders are stuck."""

import time

import pytest

from pizzashop.domain.history import HistoryEntry, utc_timestamp
from pizzashop.domain.reconciliation import awaits_engine, find_need, is_stuck
from pizzashop.domain.record import Lease, Record, WorkflowSettings

LONG_AGO = "2020-01-01T00:00:00.000000Z"
# Written by a clock that was set back since.
AHEAD = "2999-01-01T00:00:00.000000Z"


@pytest.fixture
def record() -> Record:
    started = Record.accept("uid-1", {"order_id": "123"}, LONG_AGO, with_workflow=True)
    started.workflow_started = True
    return started


def test_an_accepted_order_whose_workflow_never_started_is_started(record: Record) -> None:
    record.workflow_started = False
    assert find_need(record, now=0) == "start"
    new = Record.accept("uid-2", {"order_id": "124"}, utc_timestamp(), with_workflow=True)
    assert find_need(new, now=0) is None


def test_a_cancellation_is_finished_before_anything_else(record: Record) -> None:
    record.cancel(LONG_AGO, None, None)
    assert find_need(record, now=0) == "cancel"


def test_a_decision_on_which_the_workflow_has_not_acted_is_raised_again(record: Record) -> None:
    record.status = "pending_validation"
    record.decide("approved", None, LONG_AGO, None, None)
    assert find_need(record, now=0) == "decide"
    record.paused = True
    assert find_need(record, now=0) is None


def test_an_order_without_a_workflow_needs_nothing() -> None:
    without = Record.accept("uid-3", {"order_id": "125"}, LONG_AGO, with_workflow=False)
    assert find_need(without, now=0) is None


class TestAfterAClockWasSetBack:
    """Times that the clock of before has written are in the future, and nothing waits for them."""

    def test_an_accepted_order_is_started(self) -> None:
        accepted = Record.accept("uid-4", {"order_id": "126"}, AHEAD, with_workflow=True)
        assert find_need(accepted, now=0) == "start"

    def test_a_cancellation_is_finished(self, record: Record) -> None:
        record.cancel(AHEAD, None, None)
        assert find_need(record, now=0) == "cancel"

    def test_a_decision_is_raised_again(self, record: Record) -> None:
        record.status = "pending_validation"
        record.decide("approved", None, AHEAD, None, None)
        assert find_need(record, now=0) == "decide"


class TestAwaitsEngine:
    def test_an_order_awaits_the_engine_while_a_step_is_due(self, record: Record) -> None:
        assert awaits_engine(record, utc_timestamp())

    def test_an_order_before_the_manager_does_not(self, record: Record) -> None:
        record.status = "pending_validation"
        assert not awaits_engine(record, utc_timestamp())

    def test_but_it_does_once_a_reminder_is_due(self, record: Record) -> None:
        record.apply_stages([HistoryEntry(status="pending_validation", at=LONG_AGO)])
        record.workflow_settings = WorkflowSettings(max_remakes=2, reminder=300, deadline=None)
        assert awaits_engine(record, utc_timestamp())
        record.history.append(HistoryEntry(kind="action", status="overdue", at=utc_timestamp()))
        assert not awaits_engine(record, utc_timestamp())

    def test_and_once_it_is_decided_on(self, record: Record) -> None:
        record.apply_stages([HistoryEntry(status="pending_validation", at=LONG_AGO)])
        record.decide("approved", None, utc_timestamp(), None, None)
        assert awaits_engine(record, utc_timestamp())

    @pytest.mark.parametrize("command", ["pause", "cancel", "end"])
    def test_a_paused_or_closed_order_does_not(self, record: Record, command: str) -> None:
        {
            "pause": lambda: record.pause(utc_timestamp(), None, None),
            "cancel": lambda: record.cancel(utc_timestamp(), None, None),
            "end": lambda: record.end("failed", utc_timestamp(), "no oven"),
        }[command]()
        assert not awaits_engine(record, utc_timestamp())


class TestStuck:
    """`pizzashop doctor` counts these orders."""

    def test_an_order_without_progress_for_a_minute_is_stuck(self, record: Record) -> None:
        assert is_stuck(record, time.time(), utc_timestamp())

    @pytest.mark.parametrize("progress", ["a stage", "a heartbeat", "a lease"])
    def test_an_order_with_progress_is_not(self, record: Record, progress: str) -> None:
        if progress == "a stage":
            record.apply_stages([HistoryEntry(status="validating", at=utc_timestamp())])
        elif progress == "a heartbeat":
            record.heartbeat_at = utc_timestamp()
        else:
            record.lease = Lease(step="order", attempt=1, holder="a", until=time.time() + 5)
        assert not is_stuck(record, time.time(), utc_timestamp())

    def test_an_order_before_the_manager_is_not(self, record: Record) -> None:
        record.status = "pending_validation"
        assert not is_stuck(record, time.time(), utc_timestamp())
