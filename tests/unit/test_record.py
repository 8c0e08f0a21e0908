"""The rules by which the record of an order changes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizzashop.domain.history import HistoryEntry
from pizzashop.domain.lifecycle import COOK_STEP, HAPPY_PATH, RANK
from pizzashop.domain.record import Lease, Record, WorkflowSettings
from pizzashop.errors import Conflict

AT = "2026-01-01T00:00:00.000000Z"
LATER = "2026-01-01T00:01:00.000000Z"
EVENTS = [status for status in HAPPY_PATH if status not in ("accepted", "pending_validation")]


def started(**more: object) -> Record:
    record = Record.accept("uid-1", {"order_id": "123"}, AT, with_workflow=True)
    return record.model_copy(update=more)


def stage(status: str, attempt: int = 1, at: str = LATER) -> HistoryEntry:
    return HistoryEntry(status=status, attempt=attempt, at=at)


def statuses(record: Record) -> list[str]:
    return [entry.status for entry in record.history]


def test_a_new_order_is_accepted() -> None:
    assert started().view() == {
        "order_id": "123",
        "status": "accepted",
        "attempt": 1,
        "paused": False,
        "version": 1,
        "history": [{"kind": "stage", "status": "accepted", "attempt": 1, "at": AT}],
    }


def test_a_record_of_an_earlier_release_is_read() -> None:
    stored = {
        "uid": "uid-1",
        "secret": "0123456789abcdef",
        "order": {"order_id": "123"},
        "history": [{"status": "accepted", "at": AT}],
        "wanted": True,
        "terms": {"max_remakes": 2, "reminder": 300.0},
        "begun": True,
        "cancelling": {"kind": "action", "status": "cancelled", "at": AT},
        "lease": {"step": "cook", "attempt": 1, "run": "run-1", "until": 10.0, "heir_of": "run-0"},
        "steering": {"step": "steer", "attempt": 1, "run": "run-2", "until": 20.0},
        "ended": AT,
        "emptied": LATER,
        "page": 3,
        "place": 7,
    }
    record = Record.model_validate_json(json.dumps(stored))
    assert record.workflow_requested
    assert record.workflow_settings == WorkflowSettings(max_remakes=2, reminder=300.0)
    assert record.workflow_started
    assert record.cancellation == HistoryEntry(kind="action", status="cancelled", at=AT)
    assert record.lease == Lease(step="cook", attempt=1, holder="run-1", until=10.0, crashed_run="run-0")
    assert record.suspension_lease == Lease(step="steer", attempt=1, holder="run-2", until=20.0)
    assert (record.ended_at, record.deleted_at) == (AT, LATER)
    assert (record.index_page, record.index_place) == (3, 7)


def test_a_record_is_read_as_it_was_stored() -> None:
    record = started(paused=True, lease=Lease(step="cook", attempt=1, holder="run-1", until=10, crashed_run="run-0"))
    record.cancel(AT, "ana", None)
    assert Record.model_validate_json(record.model_dump_json()) == record


def test_the_shops_fields_win_over_those_of_the_client() -> None:
    record = Record.accept("uid-1", {"order_id": "123", "paused": "maybe"}, AT, with_workflow=True)
    assert record.view()["paused"] is False


def test_a_snapshot_is_cancelled_as_soon_as_the_order_can_end_in_no_other_way() -> None:
    record = started()
    record.cancel(LATER, "ana", None)
    assert (record.status, record.snapshot().status, record.view()["status"]) == ("accepted", "cancelled", "cancelled")
    assert [entry.status for entry in record.snapshot().history] == ["accepted", "cancelled"]


class TestStages:
    def test_a_stage_becomes_the_status(self) -> None:
        record = started()
        assert record.apply_stages([stage("validating")])
        assert (record.status, statuses(record)) == ("validating", ["accepted", "validating"])

    def test_a_repeated_stage_changes_nothing(self) -> None:
        record = started()
        record.apply_stages([stage("validating")])
        before = record.model_dump()
        assert not record.apply_stages([stage("validating", at="2026-01-01T09:00:00Z")])
        assert record.model_dump() == before

    def test_a_late_stage_is_added_and_moves_nothing_backwards(self) -> None:
        record = started()
        record.apply_stages([stage("cooking_baking"), stage("confirmed")])
        assert record.status == "cooking_baking"
        assert statuses(record) == ["accepted", "confirmed", "cooking_baking"]

    def test_a_stage_of_the_next_attempt_becomes_the_status(self) -> None:
        record = started()
        record.apply_stages(
            [stage("cooked"), stage("cooking_baking", attempt=2), stage("pending_validation", attempt=1)]
        )
        assert (record.attempt, record.status) == (2, "cooking_baking")

    def test_a_stage_follows_a_status_of_a_newer_release(self) -> None:
        record = started(status="cooking_cutting")
        record.apply_stages([stage("cooked")])
        assert record.status == "cooked"

    @pytest.mark.parametrize("end", ["failed", "cancelled"])
    def test_a_stage_after_the_end_is_added_and_the_status_stays(self, end: str) -> None:
        record = started()
        if end == "cancelled":
            record.cancel(AT, None, None)
        record.end(end, "2026-01-01T01:00:00Z", None)  # type: ignore[arg-type]
        assert record.apply_stages([stage("cooking_baking", at="2026-01-01T02:00:00Z")])
        assert record.status == end
        assert statuses(record) == ["accepted", "cooking_baking", end]

    def test_only_the_workflow_ends_an_order_as_delivered(self) -> None:
        record = started()
        record.apply_stages([stage("delivery_at_location"), stage("delivered")])
        assert (record.status, record.is_final) == ("delivery_at_location", False)
        record.end("delivered", LATER, None)
        assert (record.status, statuses(record).count("delivered")) == ("delivered", 1)

    def test_without_a_workflow_the_stage_delivered_ends_the_order(self) -> None:
        record = started(workflow_requested=False)
        record.apply_stages([stage("delivered")])
        assert record.status == "delivered"

    @pytest.mark.parametrize(
        ("status", "run", "attempt"),
        [("cooked", "run-2", 1), ("cooked", None, 1), ("cooked", "run-1", 2), ("cooking_baking", "run-1", 1)],
    )
    def test_a_lease_is_released_when_its_run_has_published_the_last_stage(
        self, status: str, run: str | None, attempt: int
    ) -> None:
        record = started(lease=Lease(step="cook", attempt=1, holder="run-1", until=10))
        record.release_lease_after(stage(status, attempt), run)
        assert record.lease is not None
        record.release_lease_after(stage("cooked"), "run-1")
        assert record.lease is None

    @given(st.permutations(EVENTS), st.lists(st.sampled_from(EVENTS), max_size=20), st.randoms(use_true_random=False))
    def test_stages_in_any_order_and_repeated_give_the_same_history(self, once, again, random) -> None:  # type: ignore[no-untyped-def]
        applied = [*once, *again]
        random.shuffle(applied)
        record = started(workflow_requested=False)
        ranks = []
        for status in applied:
            record.apply_stages([stage(status)])
            ranks.append(RANK[record.status])
        assert statuses(record) == ["accepted", *EVENTS]
        assert ranks == sorted(ranks)
        assert record.status == "delivered"

    @given(st.permutations([(status, attempt) for attempt in (1, 2) for status in COOK_STEP.published_statuses]))
    def test_two_attempts_never_mix(self, applied: list[tuple[str, int]]) -> None:
        record = started()
        for status, attempt in applied:
            record.apply_stages([stage(status, attempt)])
        stages = [(entry.status, entry.attempt) for entry in record.history[1:]]
        assert stages == [(status, attempt) for attempt in (1, 2) for status in COOK_STEP.published_statuses]
        assert (record.attempt, record.status) == (2, "cooked")


class TestDecide:
    def test_the_first_decision_counts(self) -> None:
        record = started()
        first = record.decide("approved", None, AT, "ana", "looks good")
        assert record.decide("approved", None, LATER, "ben", None) == first
        with pytest.raises(Conflict) as refused:
            record.decide("rejected", None, LATER, None, None)
        assert refused.value.extra == {"decision": "approved"}
        assert [entry for entry in record.history if entry.kind == "decision"] == [first]

    def test_each_attempt_has_its_own_decision(self) -> None:
        record = started()
        record.decide("remake", 1, AT, None, None)
        record.apply_stages([stage("cooking_baking", attempt=2)])
        assert record.decide("approved", None, LATER, None, None).attempt == 2
        assert record.decide("remake", 1, LATER, None, None).attempt == 1

    def test_a_later_attempt_cannot_be_decided_on(self) -> None:
        with pytest.raises(Conflict):
            started().decide("approved", 2, AT, None, None)

    @pytest.mark.parametrize(
        "change", [{"status": "delivered"}, {"workflow_requested": False}, {"cancellation": stage("cancelled")}]
    )
    def test_only_an_order_under_way_can_be_decided_on(self, change: dict[str, object]) -> None:
        with pytest.raises(Conflict):
            started(**change).decide("approved", None, AT, None, None)

    def test_the_same_decision_again_is_fine_after_the_end(self) -> None:
        record = started()
        record.decide("rejected", None, AT, None, None)
        record.end("failed", LATER, "no")
        assert record.decide("rejected", None, LATER, None, None).status == "rejected"


class TestPauseAndResume:
    def test_each_is_recorded_once(self) -> None:
        record = started()
        assert record.pause(AT, "ana", None)
        assert record.paused
        assert not record.pause(LATER, "ben", None)
        assert record.resume(LATER, None, None)
        assert not record.resume(LATER, None, None)
        assert statuses(record) == ["accepted", "paused", "resumed"]
        assert record.history[1].kind == "action"

    @pytest.mark.parametrize("word", ["pause", "resume"])
    @pytest.mark.parametrize(
        "change", [{"status": "failed"}, {"workflow_requested": False}, {"cancellation": stage("cancelled")}]
    )
    def test_only_an_order_under_way_can_be_paused_or_resumed(self, word: str, change: dict[str, object]) -> None:
        with pytest.raises(Conflict):
            getattr(started(**change), word)(AT, None, None)

    def test_a_paused_order_finishes_its_present_step(self) -> None:
        record = started()
        record.pause(AT, None, None)
        record.apply_stages([stage("validating")])
        assert (record.status, record.paused) == ("validating", True)


class TestCancel:
    def test_once_it_is_cancelled_it_can_end_in_no_other_way(self) -> None:
        record = started()
        assert record.cancel(AT, "ana", "no appetite")
        assert not record.end("delivered", LATER, None)
        assert not record.end("failed", LATER, "no")
        assert record.end("cancelled", LATER, None)
        assert record.history[-1] == HistoryEntry(
            kind="action", status="cancelled", at=LATER, by="ana", note="no appetite"
        )
        assert (record.status, record.error) == ("cancelled", None)

    def test_the_end_is_recorded_also_where_nobody_requested_it(self) -> None:
        record = started()
        assert record.end("cancelled", LATER, None)
        assert statuses(record) == ["accepted", "cancelled"]

    def test_cancelling_again_changes_nothing(self) -> None:
        record = started()
        record.cancel(AT, "ana", None)
        assert not record.cancel(LATER, "ben", None)
        record.end("cancelled", LATER, None)
        assert not record.cancel(LATER, "ben", None)
        assert statuses(record).count("cancelled") == 1

    @pytest.mark.parametrize("end", ["delivered", "failed"])
    def test_an_ended_order_cannot_be_cancelled(self, end: str) -> None:
        with pytest.raises(Conflict):
            started(status=end).cancel(AT, None, None)

    def test_a_delivered_order_cannot_be_cancelled(self) -> None:
        record = started()
        record.apply_stages([stage("delivered")])
        with pytest.raises(Conflict):
            record.cancel(AT, None, None)

    def test_a_cancelled_order_keeps_its_status_until_its_end(self) -> None:
        record = started()
        record.cancel(AT, None, None)
        record.apply_stages([stage("cooking_baking")])
        assert record.status == "accepted"


class TestEnd:
    def test_the_first_end_counts(self) -> None:
        record = started()
        assert record.end("failed", AT, "Cooking failed: no oven")
        assert not record.end("delivered", LATER, None)
        assert not record.end("cancelled", LATER, None)
        assert (record.status, record.error) == ("failed", "Cooking failed: no oven")
        assert record.history[-1].note == "Cooking failed: no oven"

    def test_an_ended_order_is_neither_paused_nor_leased(self) -> None:
        record = started(paused=True, lease=Lease(step="cook", attempt=1, holder="run-1", until=10))
        record.end("delivered", AT, None)
        assert (record.paused, record.lease, record.error) == (False, None, None)


class TestDelete:
    def test_an_order_with_a_live_workflow_cannot_be_deleted(self) -> None:
        with pytest.raises(Conflict):
            started().delete(AT)

    @pytest.mark.parametrize("change", [{"workflow_requested": False}, {"status": "delivered"}])
    def test_nothing_of_the_customer_remains(self, change: dict[str, object]) -> None:
        record = started(**change)
        record.order["customer"] = {"name": "John Doe"}
        record.delete(AT)
        assert record.deleted
        assert "John" not in record.model_dump_json()


def test_other_content_is_noticed_to_the_letter() -> None:
    record = Record.accept("uid-1", {"order_id": "1", "extra": 1, "more": [1.5]}, AT, with_workflow=True)
    assert record.has_content({"more": [1.5], "extra": 1, "order_id": "1"})
    for other in (True, 1.0, "1", None):
        assert not record.has_content({"order_id": "1", "extra": other, "more": [1.5]})
