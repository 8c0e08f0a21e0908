"""The rules by which the record of an order changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pizzashop.domain.history import Entry
from pizzashop.domain.lifecycle import HAPPY_PATH, RANK
from pizzashop.domain.record import Lease, Record
from pizzashop.errors import Conflict

AT = "2026-01-01T00:00:00.000000Z"
LATER = "2026-01-01T00:01:00.000000Z"
EVENTS = [status for status in HAPPY_PATH if status not in ("accepted", "pending_validation")]


def wanted(**more: object) -> Record:
    record = Record.accept("uid-1", {"order_id": "123"}, AT, wanted=True)
    return record.model_copy(update=more)


def stage(status: str, attempt: int = 1, at: str = LATER) -> Entry:
    return Entry(status=status, attempt=attempt, at=at)


def statuses(record: Record) -> list[str]:
    return [entry.status for entry in record.history]


def test_it_begins_as_accepted() -> None:
    assert wanted().view() == {
        "order_id": "123",
        "status": "accepted",
        "attempt": 1,
        "paused": False,
        "version": 1,
        "history": [{"kind": "stage", "status": "accepted", "attempt": 1, "at": AT}],
    }


def test_its_own_fields_win_over_those_of_the_client() -> None:
    record = Record.accept("uid-1", {"order_id": "123", "paused": "maybe"}, AT, wanted=True)
    assert record.view()["paused"] is False


class TestHear:
    def test_a_stage_moves_the_status(self) -> None:
        record = wanted()
        assert record.hear([stage("validating")])
        assert (record.status, statuses(record)) == ("validating", ["accepted", "validating"])

    def test_a_repeated_stage_changes_nothing(self) -> None:
        record = wanted()
        record.hear([stage("validating")])
        before = record.model_dump()
        assert not record.hear([stage("validating", at="2026-01-01T09:00:00Z")])
        assert record.model_dump() == before

    def test_a_late_stage_is_added_and_moves_nothing_backwards(self) -> None:
        record = wanted()
        record.hear([stage("cooking_baking"), stage("confirmed")])
        assert record.status == "cooking_baking"
        assert statuses(record) == ["accepted", "confirmed", "cooking_baking"]

    def test_the_next_attempt_is_forward(self) -> None:
        record = wanted()
        record.hear([stage("cooked"), stage("cooking_baking", attempt=2), stage("pending_validation", attempt=1)])
        assert (record.attempt, record.status) == (2, "cooking_baking")

    @pytest.mark.parametrize("end", ["failed", "cancelled"])
    def test_what_is_heard_after_the_end_is_added_and_the_status_stays(self, end: str) -> None:
        record = wanted()
        if end == "cancelled":
            record.cancel(AT, None, None)
        record.end(end, "2026-01-01T01:00:00Z", None)  # type: ignore[arg-type]
        assert record.hear([stage("cooking_baking", at="2026-01-01T02:00:00Z")])
        assert record.status == end
        assert statuses(record) == ["accepted", "cooking_baking", end]

    def test_delivered_is_the_workflows_to_say(self) -> None:
        record = wanted()
        record.hear([stage("delivery_at_location"), stage("delivered")])
        assert (record.status, record.final) == ("delivery_at_location", False)
        record.end("delivered", LATER, None)
        assert (record.status, statuses(record).count("delivered")) == ("delivered", 1)

    def test_without_a_workflow_the_event_ends_the_order(self) -> None:
        record = wanted(wanted=False)
        record.hear([stage("delivered")])
        assert record.status == "delivered"

    @pytest.mark.parametrize(
        ("status", "run", "attempt"),
        [("cooked", "run-2", 1), ("cooked", None, 1), ("cooked", "run-1", 2), ("cooking_baking", "run-1", 1)],
    )
    def test_only_its_runs_last_word_ends_a_lease(self, status: str, run: str | None, attempt: int) -> None:
        record = wanted(lease=Lease(step="cook", attempt=1, run="run-1", until=10))
        record.let_go(stage(status, attempt), run)
        assert record.lease is not None
        record.let_go(stage("cooked"), "run-1")
        assert record.lease is None

    @given(st.permutations(EVENTS), st.lists(st.sampled_from(EVENTS), max_size=20), st.randoms(use_true_random=False))
    def test_any_order_and_any_repeats_give_the_same_history(self, once, again, random) -> None:  # type: ignore[no-untyped-def]
        heard = [*once, *again]
        random.shuffle(heard)
        record = wanted(wanted=False)
        ranks = []
        for status in heard:
            record.hear([stage(status)])
            ranks.append(RANK[record.status])
        assert statuses(record) == ["accepted", *EVENTS]
        assert ranks == sorted(ranks)
        assert record.status == "delivered"

    @given(st.permutations([(status, attempt) for attempt in (1, 2) for status in EVENTS[3:9]]))
    def test_two_attempts_never_mix(self, heard: list[tuple[str, int]]) -> None:
        record = wanted()
        for status, attempt in heard:
            record.hear([stage(status, attempt)])
        told = [(entry.status, entry.attempt) for entry in record.history[1:]]
        assert told == [(status, attempt) for attempt in (1, 2) for status in EVENTS[3:9]]
        assert (record.attempt, record.status) == (2, "cooked")


class TestDecide:
    def test_the_first_stands(self) -> None:
        record = wanted()
        first = record.decide("approved", None, AT, "ana", "looks good")
        assert record.decide("approved", None, LATER, "ben", None) == first
        with pytest.raises(Conflict) as refused:
            record.decide("rejected", None, LATER, None, None)
        assert refused.value.extra == {"decision": "approved"}
        assert [entry for entry in record.history if entry.kind == "decision"] == [first]

    def test_each_attempt_has_its_own(self) -> None:
        record = wanted()
        record.decide("remake", 1, AT, None, None)
        record.hear([stage("cooking_baking", attempt=2)])
        assert record.decide("approved", None, LATER, None, None).attempt == 2
        assert record.decide("remake", 1, LATER, None, None).attempt == 1

    def test_an_attempt_to_come_is_not_decided_on(self) -> None:
        with pytest.raises(Conflict):
            wanted().decide("approved", 2, AT, None, None)

    @pytest.mark.parametrize("change", [{"status": "delivered"}, {"wanted": False}, {"cancelling": stage("cancelled")}])
    def test_only_of_an_order_under_way(self, change: dict[str, object]) -> None:
        with pytest.raises(Conflict):
            wanted(**change).decide("approved", None, AT, None, None)

    def test_the_same_again_stands_after_the_end(self) -> None:
        record = wanted()
        record.decide("rejected", None, AT, None, None)
        record.end("failed", LATER, "no")
        assert record.decide("rejected", None, LATER, None, None).status == "rejected"


class TestPauseAndResume:
    def test_each_is_said_once(self) -> None:
        record = wanted()
        assert record.pause(AT, "ana", None)
        assert record.paused
        assert not record.pause(LATER, "ben", None)
        assert record.resume(LATER, None, None)
        assert not record.resume(LATER, None, None)
        assert statuses(record) == ["accepted", "paused", "resumed"]
        assert record.history[1].kind == "action"

    @pytest.mark.parametrize("word", ["pause", "resume"])
    @pytest.mark.parametrize("change", [{"status": "failed"}, {"wanted": False}, {"cancelling": stage("cancelled")}])
    def test_only_of_an_order_under_way(self, word: str, change: dict[str, object]) -> None:
        with pytest.raises(Conflict):
            getattr(wanted(**change), word)(AT, None, None)

    def test_a_paused_order_moves_on_with_the_step_at_hand(self) -> None:
        record = wanted()
        record.pause(AT, None, None)
        record.hear([stage("validating")])
        assert (record.status, record.paused) == ("validating", True)


class TestCancel:
    def test_from_the_first_word_on_it_can_only_end_so(self) -> None:
        record = wanted()
        assert record.cancel(AT, "ana", "no appetite")
        assert not record.end("delivered", LATER, None)
        assert not record.end("failed", LATER, "no")
        assert record.end("cancelled", LATER, None)
        assert record.history[-1] == Entry(kind="action", status="cancelled", at=LATER, by="ana", note="no appetite")
        assert (record.status, record.error) == ("cancelled", None)

    def test_without_a_word_of_who_it_still_says_that_it_was_cancelled(self) -> None:
        record = wanted()
        assert record.end("cancelled", LATER, None)
        assert statuses(record) == ["accepted", "cancelled"]

    def test_again_it_changes_nothing(self) -> None:
        record = wanted()
        record.cancel(AT, "ana", None)
        assert not record.cancel(LATER, "ben", None)
        record.end("cancelled", LATER, None)
        assert not record.cancel(LATER, "ben", None)
        assert statuses(record).count("cancelled") == 1

    @pytest.mark.parametrize("end", ["delivered", "failed"])
    def test_not_after_another_end(self, end: str) -> None:
        with pytest.raises(Conflict):
            wanted(status=end).cancel(AT, None, None)

    def test_not_when_the_customer_has_it(self) -> None:
        record = wanted()
        record.hear([stage("delivered")])
        with pytest.raises(Conflict):
            record.cancel(AT, None, None)

    def test_it_stops_the_status_where_it_is(self) -> None:
        record = wanted()
        record.cancel(AT, None, None)
        record.hear([stage("cooking_baking")])
        assert record.status == "accepted"


class TestEnd:
    def test_the_first_end_stands(self) -> None:
        record = wanted()
        assert record.end("failed", AT, "Cooking failed: no oven")
        assert not record.end("delivered", LATER, None)
        assert not record.end("cancelled", LATER, None)
        assert (record.status, record.error) == ("failed", "Cooking failed: no oven")
        assert record.history[-1].note == "Cooking failed: no oven"

    def test_it_clears_what_is_over(self) -> None:
        record = wanted(paused=True, lease=Lease(step="cook", attempt=1, run="run-1", until=10))
        record.end("delivered", AT, None)
        assert (record.paused, record.lease, record.error) == (False, None, None)


class TestDelete:
    def test_not_while_its_workflow_is_live(self) -> None:
        with pytest.raises(Conflict):
            wanted().delete(AT)

    @pytest.mark.parametrize("change", [{"wanted": False}, {"status": "delivered"}])
    def test_nothing_of_a_customer_is_left(self, change: dict[str, object]) -> None:
        record = wanted(**change)
        record.order["customer"] = {"name": "John Doe"}
        record.delete(AT)
        assert record.deleted
        assert "John" not in record.model_dump_json()


def test_the_same_content_is_the_same_to_the_letter() -> None:
    record = Record.accept("uid-1", {"order_id": "1", "extra": 1, "more": [1.5]}, AT, wanted=True)
    assert record.same_content({"more": [1.5], "extra": 1, "order_id": "1"})
    for other in (True, 1.0, "1", None):
        assert not record.same_content({"order_id": "1", "extra": other, "more": [1.5]})
