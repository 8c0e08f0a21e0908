"""Steering and what a crash leaves unsettled: one caller at a time, and whoever dies is made good for."""

import time

import pytest

from pizzashop.domain.history import Entry, utc_timestamp
from pizzashop.domain.reconciliation import awaits_engine, is_stuck, need
from pizzashop.domain.record import Lease, Record, Terms
from pizzashop.domain.suspension import SUSPENSION_LEASE_SECONDS, SuspensionClaim, claim_suspension, release_suspension
from pizzashop.errors import Conflict

LONG_AGO = "2020-01-01T00:00:00.000000Z"


@pytest.fixture
def record() -> Record:
    made = Record.accept("uid-1", {"order_id": "123"}, LONG_AGO, wanted=True)
    made.begun = True
    return made


def test_one_caller_steers_at_a_time(record: Record) -> None:
    assert claim_suspension(record, SuspensionClaim(run="a"), now=100).granted
    turn = claim_suspension(record, SuspensionClaim(run="b"), now=101)
    assert (turn.granted, turn.seconds) == (False, SUSPENSION_LEASE_SECONDS - 1)
    release_suspension(record, SuspensionClaim(run="a", release=True), now=101)
    assert claim_suspension(record, SuspensionClaim(run="b"), now=102).granted


def test_a_dead_callers_turn_ends(record: Record) -> None:
    claim_suspension(record, SuspensionClaim(run="a"), now=100)
    assert claim_suspension(record, SuspensionClaim(run="b"), now=100 + SUSPENSION_LEASE_SECONDS).granted


def test_a_clock_set_back_by_an_hour_keeps_nobody_from_steering(record: Record) -> None:
    claim_suspension(record, SuspensionClaim(run="a"), now=3700)
    assert need(record, now=100) == "steer"
    assert release_suspension(record, SuspensionClaim(run="b", release=True), now=100).seconds == 0
    assert claim_suspension(record, SuspensionClaim(run="b"), now=100).granted


def test_only_who_has_it_gives_it_back(record: Record) -> None:
    claim_suspension(record, SuspensionClaim(run="a"), now=100)
    release_suspension(record, SuspensionClaim(run="b", release=True), now=101)
    assert not claim_suspension(record, SuspensionClaim(run="c"), now=101).granted


def test_a_closed_order_is_not_steered(record: Record) -> None:
    record.cancel(utc_timestamp(), None, None)
    with pytest.raises(Conflict):
        claim_suspension(record, SuspensionClaim(run="a"), now=100)


def test_a_turn_that_was_never_given_back_is_settled(record: Record) -> None:
    claim_suspension(record, SuspensionClaim(run="a"), now=100)
    assert need(record, now=101) is None
    assert need(record, now=101 + SUSPENSION_LEASE_SECONDS) == "steer"


def test_one_that_may_not_have_been_heard_is_settled_at_once(record: Record) -> None:
    claim_suspension(record, SuspensionClaim(run="a"), now=100)
    release_suspension(record, SuspensionClaim(run="a", release=True, done=False), now=101)
    assert need(record, now=102) == "steer"
    assert claim_suspension(record, SuspensionClaim(run="b"), now=102).granted, "and nobody has to wait for it"
    release_suspension(record, SuspensionClaim(run="b", release=True), now=103)
    assert need(record, now=104) is None


def test_an_accepted_order_whose_workflow_never_began_is_started(record: Record) -> None:
    record.begun = False
    assert need(record, now=0) == "start"
    fresh = Record.accept("uid-2", {"order_id": "124"}, utc_timestamp(), wanted=True)
    assert need(fresh, now=0) is None


def test_a_cancellation_is_finished_before_anything_else(record: Record) -> None:
    record.cancel(LONG_AGO, None, None)
    assert need(record, now=0) == "cancel"


def test_a_decision_that_nothing_came_of_is_told_again(record: Record) -> None:
    record.status = "pending_validation"
    record.decide("approved", None, LONG_AGO, None, None)
    assert need(record, now=0) == "decide"
    record.paused = True
    assert need(record, now=0) is None


def test_a_record_that_no_workflow_is_to_end_needs_nothing() -> None:
    assert need(Record.accept("uid-3", {"order_id": "125"}, LONG_AGO, wanted=False), now=0) is None


AHEAD = "2999-01-01T00:00:00.000000Z"
"""What a clock wrote that was set back since."""


class TestAfterAClockWasSetBack:
    """What was written by the clock of before lies ahead, and is not waited for."""

    def test_an_accepted_order_is_started(self) -> None:
        assert need(Record.accept("uid-4", {"order_id": "126"}, AHEAD, wanted=True), now=0) == "start"

    def test_a_cancellation_is_finished(self, record: Record) -> None:
        record.cancel(AHEAD, None, None)
        assert need(record, now=0) == "cancel"

    def test_a_decision_is_told_again(self, record: Record) -> None:
        record.status = "pending_validation"
        record.decide("approved", None, AHEAD, None, None)
        assert need(record, now=0) == "decide"


class TestAwaitsEngine:
    def test_while_a_step_is_to_be_done(self, record: Record) -> None:
        assert awaits_engine(record, utc_timestamp())

    def test_not_while_the_manager_has_it(self, record: Record) -> None:
        record.status = "pending_validation"
        assert not awaits_engine(record, utc_timestamp())

    def test_but_once_a_reminder_is_overdue(self, record: Record) -> None:
        record.hear([Entry(status="pending_validation", at=LONG_AGO)])
        record.terms = Terms(max_remakes=2, reminder=300, deadline=None)
        assert awaits_engine(record, utc_timestamp())
        overdue = Entry(kind="action", status="overdue", at=utc_timestamp())
        record.history.append(overdue)
        assert not awaits_engine(record, utc_timestamp())

    def test_and_once_it_is_decided(self, record: Record) -> None:
        record.hear([Entry(status="pending_validation", at=LONG_AGO)])
        record.decide("approved", None, utc_timestamp(), None, None)
        assert awaits_engine(record, utc_timestamp())

    @pytest.mark.parametrize("closing", ["pause", "cancel", "end"])
    def test_not_where_nothing_is_to_happen(self, record: Record, closing: str) -> None:
        {
            "pause": lambda: record.pause(utc_timestamp(), None, None),
            "cancel": lambda: record.cancel(utc_timestamp(), None, None),
            "end": lambda: record.end("failed", utc_timestamp(), "no oven"),
        }[closing]()
        assert not awaits_engine(record, utc_timestamp())


class TestStandsStill:
    """What `doctor` counts."""

    def test_when_nothing_was_heard_of_it_for_a_minute(self, record: Record) -> None:
        assert is_stuck(record, time.time(), utc_timestamp())

    @pytest.mark.parametrize("heard", ["a stage", "a heartbeat", "a lease"])
    def test_not_when_something_was(self, record: Record, heard: str) -> None:
        if heard == "a stage":
            record.hear([Entry(status="validating", at=utc_timestamp())])
        elif heard == "a heartbeat":
            record.heartbeat_at = utc_timestamp()
        else:
            record.lease = Lease(step="order", attempt=1, run="a", until=time.time() + 5)
        assert not is_stuck(record, time.time(), utc_timestamp())

    def test_not_while_the_manager_has_it(self, record: Record) -> None:
        record.status = "pending_validation"
        assert not is_stuck(record, time.time(), utc_timestamp())
