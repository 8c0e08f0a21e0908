"""One caller at a time suspends or resumes a workflow, and the reconciler acts after a caller has crashed."""

import pytest

from pizzashop.domain.history import utc_timestamp
from pizzashop.domain.reconciliation import find_need
from pizzashop.domain.record import Record
from pizzashop.domain.suspension import SUSPENSION_LEASE_SECONDS, SuspensionClaim, claim_suspension, release_suspension
from pizzashop.errors import Conflict

LONG_AGO = "2020-01-01T00:00:00.000000Z"


@pytest.fixture
def record() -> Record:
    started = Record.accept("uid-1", {"order_id": "123"}, LONG_AGO, with_workflow=True)
    started.workflow_started = True
    return started


def claim(record: Record, holder: str, now: float) -> bool:
    return claim_suspension(record, SuspensionClaim(holder=holder), now).granted


def release(record: Record, holder: str, *, engine_acted: bool = True) -> None:
    release_suspension(record, SuspensionClaim(holder=holder, release=True, engine_acted=engine_acted))


def test_one_caller_at_a_time_has_the_lease(record: Record) -> None:
    assert claim(record, "a", now=100)
    assert not claim(record, "b", now=101)
    release(record, "a")
    assert claim(record, "b", now=102)


def test_the_lease_of_a_crashed_caller_ends(record: Record) -> None:
    claim(record, "a", now=100)
    assert claim(record, "b", now=100 + SUSPENSION_LEASE_SECONDS)


def test_a_clock_set_back_by_an_hour_keeps_nobody_from_pausing(record: Record) -> None:
    claim(record, "a", now=3700)
    assert find_need(record, now=100) == "suspension"
    release(record, "b")
    assert claim(record, "b", now=100)


def test_only_its_holder_releases_a_lease(record: Record) -> None:
    claim(record, "a", now=100)
    release(record, "b")
    assert not claim(record, "c", now=101)


def test_a_closed_order_is_neither_paused_nor_resumed(record: Record) -> None:
    record.cancel(utc_timestamp(), None, None)
    with pytest.raises(Conflict):
        claim(record, "a", now=100)


def test_the_reconciler_acts_when_a_lease_ends_that_was_never_released(record: Record) -> None:
    claim(record, "a", now=100)
    assert find_need(record, now=101) is None
    assert find_need(record, now=101 + SUSPENSION_LEASE_SECONDS) == "suspension"


def test_the_reconciler_acts_at_once_when_the_engine_did_not_answer(record: Record) -> None:
    claim(record, "a", now=100)
    release(record, "a", engine_acted=False)
    assert find_need(record, now=102) == "suspension"
    assert claim(record, "b", now=102), "and nobody has to wait for it"
    release(record, "b")
    assert find_need(record, now=104) is None
