"""Each step of an order is done by one run at a time, and only when its turn has come."""

from typing import Any

import pytest

from pizzashop.domain.claims import LEASE_SECONDS, Claim, ClaimAnswer, answer_claim, release_claim
from pizzashop.domain.history import Entry
from pizzashop.domain.record import Record

AT = "2026-01-01T00:00:00.000000Z"
NOW = 1000.0


def record(*heard: str, decision: str | None = None) -> Record:
    fresh = Record.accept("uid-1", {"order_id": "123"}, AT, wanted=True)
    fresh.hear([stage(status) for status in heard])
    if decision:
        fresh.decide(decision, None, AT, None, None)
    return fresh


def stage(status: str, attempt: int = 1) -> Entry:
    return Entry(status=status, attempt=attempt, at=AT)


def claim(step: str = "cook", run: str = "run-1", attempt: int = 1, **more: Any) -> Claim:
    return Claim.parse({"step": step, "run": run, "attempt": attempt, **more})


def ask(of: Record, now: float = NOW, **claimed: Any) -> ClaimAnswer:
    return answer_claim(of, claim(**claimed), now)


def test_a_free_step_is_granted() -> None:
    asked = record("confirmed")
    assert ask(asked) == ClaimAnswer(claim="granted")
    assert asked.lease is not None
    assert (asked.lease.run, asked.lease.until) == ("run-1", NOW + LEASE_SECONDS)


def test_a_step_that_had_begun_is_granted_with_what_began() -> None:
    began = ask(record("confirmed", "cooking_preparing_ingredients", "cooking_making_dough")).began
    assert [entry.status for entry in began] == ["cooking_preparing_ingredients", "cooking_making_dough"]


def test_what_the_order_brings_along_counts_as_begun() -> None:
    history = [{"status": "cooking_baking", "at": AT}]
    asked = record("confirmed")
    assert [entry.status for entry in ask(asked, history=history).began] == ["cooking_baking"]
    assert asked.status == "cooking_baking"


def test_a_step_that_another_run_has_is_taken_until_its_lease_ends() -> None:
    asked = record("confirmed")
    ask(asked, run="run-1")
    assert ask(asked, run="run-2", now=NOW + 3) == ClaimAnswer(claim="taken", seconds=LEASE_SECONDS - 3)
    assert ask(asked, run="run-2", now=NOW + LEASE_SECONDS).claim == "granted"
    assert ask(asked, run="run-1", now=NOW + LEASE_SECONDS + 1).claim == "taken"


def test_a_clock_set_back_by_an_hour_holds_up_no_order() -> None:
    """A lease that ends further ahead than any lease lasts is over; a few seconds between two machines are not that."""
    asked = record("confirmed")
    ask(asked, run="run-1", now=NOW + 3600)
    assert ask(asked, run="run-2", now=NOW).claim == "granted"
    ask(asked, run="run-1", now=NOW + LEASE_SECONDS + 5)
    assert ask(asked, run="run-2", now=NOW + LEASE_SECONDS).claim == "taken"


def test_the_same_run_may_ask_again_and_keeps_its_lease() -> None:
    asked = record("confirmed")
    ask(asked)
    assert ask(asked, now=NOW + 3).claim == "granted"
    assert asked.lease is not None
    assert asked.lease.until == NOW + 3 + LEASE_SECONDS


def test_a_lease_on_one_step_does_not_hold_the_next() -> None:
    asked = record("confirmed")
    ask(asked, step="order", run="run-1")
    assert ask(asked, step="cook", run="run-2").claim == "granted"


def test_a_step_that_is_past_is_granted_at_once_with_all_that_happened() -> None:
    asked = record("cooking_quality_check", "cooked")
    ask(record(), run="run-1")
    granted = ask(asked, run="run-2")
    assert [entry.status for entry in granted.began] == ["cooking_quality_check", "cooked"]
    assert asked.lease is None


def test_a_step_whose_last_stage_has_begun_holds_nobody_up() -> None:
    asked = record("validating", "processing")
    ask(asked, step="order", run="run-1")
    asked.hear([stage("confirmed")])
    asked.let_go(stage("confirmed"), "run-1")
    assert ask(asked, step="order", run="run-2").claim == "granted"


def test_a_lease_given_back_is_free() -> None:
    asked = record("confirmed")
    ask(asked, run="run-1")
    assert release_claim(asked, claim(run="run-1", release=True))
    assert ask(asked, run="run-2").claim == "granted"


def test_a_run_gives_back_only_its_own_lease() -> None:
    asked = record("confirmed")
    ask(asked, run="run-1")
    assert not release_claim(asked, claim(run="run-2", release=True))
    assert ask(asked, run="run-2").claim == "taken"


@pytest.mark.parametrize("end", ["delivered", "failed", "cancelled"])
def test_a_final_order_is_closed(end: str) -> None:
    asked = record()
    asked.end(end, AT, None)  # type: ignore[arg-type]
    assert (ask(asked).claim, ask(asked).status) == ("closed", end)


def test_an_order_that_is_being_cancelled_is_closed() -> None:
    asked = record()
    asked.cancel(AT, None, None)
    assert ask(asked).claim == "closed"


def test_a_deleted_order_is_closed() -> None:
    asked = record()
    asked.end("failed", AT, None)
    asked.delete(AT)
    assert ask(asked, uid="uid-1").claim == "closed"


def test_another_order_of_the_same_id_is_closed() -> None:
    assert ask(record(), uid="uid-0").claim == "closed"


class TestTurn:
    @pytest.mark.parametrize("heard", [(), ("validating", "processing")])
    def test_nothing_is_cooked_before_it_is_confirmed(self, heard: tuple[str, ...]) -> None:
        early = ask(record(*heard))
        assert (early.claim, early.error) == ("closed", "the order is not confirmed yet")

    @pytest.mark.parametrize("heard", [("confirmed",), ("confirmed", "cooking_quality_check")])
    def test_nothing_is_delivered_before_it_is_cooked(self, heard: tuple[str, ...]) -> None:
        early = ask(record(*heard, decision="approved"), step="deliver")
        assert (early.claim, early.error) == ("closed", "the order is not cooked yet")

    def test_a_pizza_that_was_cooked_before_is_not_this_one(self) -> None:
        asked = record("confirmed", "cooked", decision="remake")
        asked.hear([stage("cooking_baking", attempt=2)])
        asked.decide("approved", 2, AT, None, None)
        assert ask(asked, step="deliver", attempt=2).claim == "closed"

    def test_what_the_order_brings_along_counts(self) -> None:
        assert ask(record(), history=[{"status": "confirmed", "at": AT}]).claim == "granted"

    def test_an_order_that_no_workflow_leads_may_be_tried_in_any_order(self) -> None:
        tried = Record.accept("uid-1", {"order_id": "123"}, AT, wanted=False)
        assert ask(tried, step="deliver").claim == "granted"

    def test_one_step_at_a_time(self) -> None:
        tried = Record.accept("uid-1", {"order_id": "123"}, AT, wanted=False)
        ask(tried, step="cook", run="run-1")
        assert ask(tried, step="deliver", run="run-2").claim == "taken"
        assert tried.lease is not None
        assert tried.lease.run == "run-1"
        assert ask(tried, step="deliver", run="run-2", now=NOW + LEASE_SECONDS).claim == "granted"


class TestAttempts:
    def test_the_next_one_begins_only_after_a_remake(self) -> None:
        assert ask(record("cooked"), attempt=2).claim == "closed"
        assert ask(record("cooked", decision="approved"), attempt=2).claim == "closed"
        assert ask(record("cooked", decision="remake"), attempt=2).claim == "granted"

    def test_none_is_left_out(self) -> None:
        assert ask(record("cooked", decision="remake"), attempt=3).claim == "closed"

    def test_only_cooking_is_done_again(self) -> None:
        assert ask(record("cooked", decision="remake"), step="order", attempt=2).claim == "closed"
        assert ask(record("cooked", decision="remake"), step="deliver", attempt=2).claim == "closed"

    def test_an_earlier_one_is_over(self) -> None:
        asked = record("cooked", decision="remake")
        asked.hear([stage("cooking_baking", attempt=2)])
        assert ask(asked, attempt=1).claim == "closed"


class TestDelivery:
    @pytest.mark.parametrize("decision", [None, "rejected", "remake"])
    def test_nothing_leaves_the_house_unapproved(self, decision: str | None) -> None:
        assert ask(record("cooked", decision=decision), step="deliver").claim == "closed"

    def test_an_approved_pizza_is_delivered(self) -> None:
        assert ask(record("cooked", decision="approved"), step="deliver").claim == "granted"


def test_the_workflows_claim_tells_that_it_has_begun() -> None:
    asked = record()
    ask(asked, step="order", uid="uid-1")
    assert asked.begun


def test_a_step_tried_by_hand_does_not_pass_for_the_workflow() -> None:
    asked = record()
    ask(asked, step="order")
    assert not asked.begun
