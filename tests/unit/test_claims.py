"""One run at a time runs a step of an order, and only when it is the step's turn."""

from typing import Any

import pytest

from pizzashop.domain.claims import LEASE_SECONDS, Claim, ClaimAnswer, answer_claim
from pizzashop.domain.history import HistoryEntry
from pizzashop.domain.record import Record

AT = "2026-01-01T00:00:00.000000Z"
NOW = 1000.0


def record(*begun: str, decision: str | None = None) -> Record:
    fresh = Record.accept("uid-1", {"order_id": "123"}, AT, with_workflow=True)
    fresh.apply_stages([stage(status) for status in begun])
    if decision:
        fresh.decide(decision, None, AT, None, None)
    return fresh


def stage(status: str, attempt: int = 1) -> HistoryEntry:
    return HistoryEntry(status=status, attempt=attempt, at=AT)


def claim(step: str = "cook", run: str = "run-1", attempt: int = 1, **more: Any) -> Claim:
    return Claim.parse({"order_id": "123", "step": step, "run": run, "attempt": attempt, **more})


def ask(of: Record, now: float = NOW, **claimed: Any) -> ClaimAnswer:
    return answer_claim(of, claim(**claimed), now)


def test_a_free_step_is_granted() -> None:
    asked = record("confirmed")
    assert ask(asked) == ClaimAnswer(result="granted")
    assert asked.lease is not None
    assert (asked.lease.holder, asked.lease.until) == ("run-1", NOW + LEASE_SECONDS)


def test_a_step_that_had_begun_is_granted_with_what_began() -> None:
    begun = ask(record("confirmed", "cooking_preparing_ingredients", "cooking_making_dough")).begun_stages
    assert [entry.status for entry in begun] == ["cooking_preparing_ingredients", "cooking_making_dough"]


def test_a_step_of_another_run_is_taken_until_the_lease_ends() -> None:
    asked = record("confirmed")
    ask(asked, run="run-1")
    assert ask(asked, run="run-2", now=NOW + 3) == ClaimAnswer(result="taken", seconds=LEASE_SECONDS - 3)
    assert ask(asked, run="run-2", now=NOW + LEASE_SECONDS).result == "granted"
    assert ask(asked, run="run-1", now=NOW + LEASE_SECONDS + 1).result == "taken"


def test_a_clock_set_back_by_an_hour_stops_no_order() -> None:
    """A lease that ends further ahead than any lease lasts is over; a few seconds between two machines are not that."""
    asked = record("confirmed")
    ask(asked, run="run-1", now=NOW + 3600)
    assert ask(asked, run="run-2", now=NOW).result == "granted"
    ask(asked, run="run-1", now=NOW + LEASE_SECONDS + 5)
    assert ask(asked, run="run-2", now=NOW + LEASE_SECONDS).result == "taken"


def test_a_run_can_renew_its_lease() -> None:
    asked = record("confirmed")
    ask(asked)
    assert ask(asked, now=NOW + 3).result == "granted"
    assert asked.lease is not None
    assert asked.lease.until == NOW + 3 + LEASE_SECONDS


def test_a_new_workflow_step_waits_for_no_lease_of_a_finished_step() -> None:
    asked = record("confirmed")
    ask(asked, step="order", run="run-1")
    assert ask(asked, step="cook", run="run-2").result == "granted"


def test_a_finished_step_is_granted_with_all_its_stages_and_no_lease() -> None:
    asked = record("cooking_quality_check", "cooked")
    ask(record(), run="run-1")
    granted = ask(asked, run="run-2")
    assert [entry.status for entry in granted.begun_stages] == ["cooking_quality_check", "cooked"]
    assert asked.lease is None


def test_a_step_whose_last_stage_was_published_is_free() -> None:
    asked = record("validating", "processing")
    ask(asked, step="order", run="run-1")
    asked.apply_stages([stage("confirmed")])
    asked.release_lease_after(stage("confirmed"), "run-1")
    assert ask(asked, step="order", run="run-2").result == "granted"


def test_a_released_lease_is_free() -> None:
    asked = record("confirmed")
    ask(asked, run="run-1")
    ask(asked, run="run-1", release=True)
    assert ask(asked, run="run-2").result == "granted"


def test_a_run_releases_only_its_own_lease() -> None:
    asked = record("confirmed")
    ask(asked, run="run-1")
    ask(asked, run="run-2", release=True)
    assert ask(asked, run="run-2").result == "taken"


@pytest.mark.parametrize("end", ["delivered", "failed", "cancelled"])
def test_a_final_order_is_closed(end: str) -> None:
    asked = record()
    asked.end(end, AT, None)  # type: ignore[arg-type]
    assert (ask(asked).result, ask(asked).status) == ("closed", end)


def test_an_order_that_is_being_cancelled_is_closed() -> None:
    asked = record()
    asked.cancel(AT, None, None)
    assert ask(asked).result == "closed"


def test_a_deleted_order_is_closed() -> None:
    asked = record()
    asked.end("failed", AT, None)
    asked.delete(AT)
    assert ask(asked, uid="uid-1").result == "closed"


def test_another_order_of_the_same_id_is_closed() -> None:
    assert ask(record(), uid="uid-0").result == "closed"


class TestTurn:
    @pytest.mark.parametrize("begun", [(), ("validating", "processing")])
    def test_nothing_is_cooked_before_it_is_confirmed(self, begun: tuple[str, ...]) -> None:
        early = ask(record(*begun))
        assert (early.result, early.error) == ("closed", "the order is not confirmed yet")

    @pytest.mark.parametrize("begun", [("confirmed",), ("confirmed", "cooking_quality_check")])
    def test_nothing_is_delivered_before_it_is_cooked(self, begun: tuple[str, ...]) -> None:
        early = ask(record(*begun, decision="approved"), step="deliver")
        assert (early.result, early.error) == ("closed", "the order is not cooked yet")

    def test_a_pizza_that_was_cooked_before_is_not_this_one(self) -> None:
        asked = record("confirmed", "cooked", decision="remake")
        asked.apply_stages([stage("cooking_baking", attempt=2)])
        asked.decide("approved", 2, AT, None, None)
        assert ask(asked, step="deliver", attempt=2).result == "closed"

    def test_steps_of_an_order_without_a_workflow_run_in_any_sequence(self) -> None:
        tried = Record.accept("uid-1", {"order_id": "123"}, AT, with_workflow=False)
        assert ask(tried, step="deliver").result == "granted"

    def test_only_one_step_runs_at_a_time(self) -> None:
        tried = Record.accept("uid-1", {"order_id": "123"}, AT, with_workflow=False)
        ask(tried, step="cook", run="run-1")
        assert ask(tried, step="deliver", run="run-2").result == "taken"
        assert tried.lease is not None
        assert tried.lease.holder == "run-1"
        assert ask(tried, step="deliver", run="run-2", now=NOW + LEASE_SECONDS).result == "granted"


class TestAttempts:
    def test_the_next_attempt_begins_only_after_a_remake(self) -> None:
        assert ask(record("cooked"), attempt=2).result == "closed"
        assert ask(record("cooked", decision="approved"), attempt=2).result == "closed"
        assert ask(record("cooked", decision="remake"), attempt=2).result == "granted"

    def test_no_attempt_is_skipped(self) -> None:
        assert ask(record("cooked", decision="remake"), attempt=3).result == "closed"

    def test_only_cooking_is_repeated(self) -> None:
        assert ask(record("cooked", decision="remake"), step="order", attempt=2).result == "closed"
        assert ask(record("cooked", decision="remake"), step="deliver", attempt=2).result == "closed"

    def test_an_earlier_attempt_is_closed(self) -> None:
        asked = record("cooked", decision="remake")
        asked.apply_stages([stage("cooking_baking", attempt=2)])
        assert ask(asked, attempt=1).result == "closed"


class TestDelivery:
    @pytest.mark.parametrize("decision", [None, "rejected", "remake"])
    def test_nothing_is_delivered_without_approval(self, decision: str | None) -> None:
        assert ask(record("cooked", decision=decision), step="deliver").result == "closed"

    def test_an_approved_pizza_is_delivered(self) -> None:
        assert ask(record("cooked", decision="approved"), step="deliver").result == "granted"


def test_a_claim_of_the_workflow_shows_that_it_has_started() -> None:
    asked = record()
    ask(asked, step="order", uid="uid-1")
    assert asked.workflow_started


def test_a_step_run_by_hand_does_not_count_as_the_start_of_the_workflow() -> None:
    asked = record()
    ask(asked, step="order")
    assert not asked.workflow_started


class TestValidation:
    """The step by which the workflow puts a pizza before the manager."""

    def validate(self, of: Record, at: str = AT, attempt: int = 1) -> ClaimAnswer:
        begins = {"status": "pending_validation", "attempt": attempt, "at": at}
        return ask(of, step="validate", run=f"validate-{attempt}", attempt=attempt, uid="uid-1", stages=[begins])

    def test_it_is_recorded_at_once(self) -> None:
        asked = record("cooked")
        assert self.validate(asked).begun_stages == [stage("pending_validation")]
        assert asked.status == "pending_validation"

    def test_repeated_it_shows_what_was_recorded_first(self) -> None:
        asked = record("cooked")
        self.validate(asked)
        again = self.validate(asked, at="2026-01-01T00:01:00.000000Z")
        assert again.begun_stages == [stage("pending_validation")]
        assert again.crashed_run is None

    def test_it_keeps_nobody_from_the_delivery(self) -> None:
        asked = record("cooked")
        self.validate(asked)
        asked.decide("approved", None, AT, None, None)
        assert ask(asked, step="deliver", run="run-2").result == "granted"

    def test_it_is_closed_for_another_attempt_and_for_an_ended_order(self) -> None:
        asked = record("cooked")
        assert self.validate(asked, attempt=2).result == "closed"
        asked.end("failed", AT, None)
        assert self.validate(asked).result == "closed"
