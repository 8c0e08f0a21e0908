"""Steering and what a crash leaves unsettled: one caller at a time, and whoever dies is made good for."""

import pytest

from pizzashop.domain.errors import Conflict
from pizzashop.domain.history import now
from pizzashop.domain.record import Record
from pizzashop.domain.steering import STEERING_SECONDS, Steer, release, steer
from pizzashop.domain.unsettled import need

LONG_AGO = "2020-01-01T00:00:00.000000Z"


@pytest.fixture
def record() -> Record:
    made = Record.accept("uid-1", {"order_id": "123"}, LONG_AGO, wanted=True)
    made.begun = True
    return made


def test_one_caller_steers_at_a_time(record: Record) -> None:
    assert steer(record, Steer(run="a"), now=100).granted
    turn = steer(record, Steer(run="b"), now=101)
    assert (turn.granted, turn.seconds) == (False, STEERING_SECONDS - 1)
    release(record, Steer(run="a", release=True), now=101)
    assert steer(record, Steer(run="b"), now=102).granted


def test_a_dead_callers_turn_ends(record: Record) -> None:
    steer(record, Steer(run="a"), now=100)
    assert steer(record, Steer(run="b"), now=100 + STEERING_SECONDS).granted


def test_only_who_has_it_gives_it_back(record: Record) -> None:
    steer(record, Steer(run="a"), now=100)
    release(record, Steer(run="b", release=True), now=101)
    assert not steer(record, Steer(run="c"), now=101).granted


def test_a_closed_order_is_not_steered(record: Record) -> None:
    record.cancel(now(), None, None)
    with pytest.raises(Conflict):
        steer(record, Steer(run="a"), now=100)


def test_a_turn_that_was_never_given_back_is_settled(record: Record) -> None:
    steer(record, Steer(run="a"), now=100)
    assert need(record, now=101) is None
    assert need(record, now=101 + STEERING_SECONDS) == "steer"


def test_one_that_may_not_have_been_heard_is_settled_at_once(record: Record) -> None:
    steer(record, Steer(run="a"), now=100)
    release(record, Steer(run="a", release=True, done=False), now=101)
    assert need(record, now=102) == "steer"
    assert steer(record, Steer(run="b"), now=102).granted, "and nobody has to wait for it"
    release(record, Steer(run="b", release=True), now=103)
    assert need(record, now=104) is None


def test_an_accepted_order_whose_workflow_never_began_is_started(record: Record) -> None:
    record.begun = False
    assert need(record, now=0) == "start"
    fresh = Record.accept("uid-2", {"order_id": "124"}, now(), wanted=True)
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
