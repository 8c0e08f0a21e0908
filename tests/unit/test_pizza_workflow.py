"""The story of an order, told with a context that is no engine."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from dapr.ext.workflow._durabletask.task import TaskFailedError, pb
from fakes.engine import NOON, Call, FakeContext, Wait

from pizzashop.domain.decisions import prints, seal
from pizzashop.workflow.pizza_workflow import pizza_workflow

ORDER = {"order_id": "123", "attempt": 1, "uid": "uid-1"}
PENDING = {"status": "pending_validation", "history": [{"status": "pending_validation"}]}
WAITS = {**ORDER, **PENDING}
SECRET = "known to the record alone"
FIRST = {"seal": seal(SECRET, 1)}
SECOND = {"attempt": 2, "seal": seal(SECRET, 2)}
APPROVED = {"approved": True, **FIRST}
REJECTED = {"approved": False, **FIRST}
LATE = TimeoutError()
REMAKE = {"approved": False, "remake": True, **FIRST}

Answer = dict[str, Any]
Answers = dict[str, Callable[[Any], Any]]


class Told:
    """What became of a story: its result, and what it asked for on the way."""

    def __init__(self, *events: Any, plan: Answer | None = None, **answers: Callable[[Any], Any]) -> None:
        self.calls: list[Call] = []
        self.waits: list[Wait] = []
        self._events, self._answers = list(events), {**GOOD_ANSWERS, **answers}
        terms = {"max_remakes": 2, "reminder": None, "deadline": None}
        all_of_it = {"order": ORDER, **terms, "seals": prints(SECRET, 3), "restarted": False, **(plan or {})}
        story = pizza_workflow(FakeContext(), all_of_it)  # type: ignore[arg-type]
        asked = next(story)
        try:
            while not (self._waits(asked) and not self._events):
                outcome = self._outcome(asked)
                asked = story.throw(outcome) if isinstance(outcome, Exception) else story.send(outcome)
        except StopIteration as end:
            self.result = end.value
        else:
            self.result = "waits"
            story.close()

    @property
    def activities(self) -> list[str]:
        return [call.activity for call in self.calls]

    @property
    def seconds(self) -> list[float | None]:
        """How long each wait for the manager was to last."""
        return [wait.until and (wait.until - NOON).total_seconds() for wait in self.waits]

    def _waits(self, asked: Call | Wait) -> bool:
        if isinstance(asked, Wait):
            self.waits.append(asked)
        return isinstance(asked, Wait)

    def _outcome(self, asked: Call | Wait) -> Any:
        if isinstance(asked, Wait):
            assert asked.event == "ValidationComplete"
            return self._events.pop(0)
        self.calls.append(asked)
        return self._answers[asked.activity](asked.content)


GOOD_ANSWERS: Answers = {
    "order_pizza": lambda _: {"status": "confirmed"},
    "cook_pizza": lambda _: {"status": "cooked"},
    "validate_pizza": lambda _: PENDING,
    "deliver_pizza": lambda order: {"order_id": "123", "attempt": order["attempt"], "status": "delivered"},
    "record_decision": lambda said: said["event"],
    "end_order": lambda failure: {"order_id": "123", "status": "failed", "error": failure["error"]},
}


def failing(status: str, error: str | None = None) -> Callable[[Any], Any]:
    return lambda order: {**order, "status": status, **({"error": error} if error else {})}


def breaking(_: Any) -> Exception:
    return TaskFailedError("the activity broke", pb.TaskFailureDetails(errorMessage="broke"))


def test_a_good_order_takes_four_activities() -> None:
    told = Told(APPROVED)
    assert told.activities == ["order_pizza", "cook_pizza", "validate_pizza", "deliver_pizza"]
    assert told.result == {
        "order_id": "123",
        "status": "completed",
        "final_status": "delivered",
        "delivery_result": {"order_id": "123", "attempt": 1, "status": "delivered"},
    }


def test_each_step_gets_what_the_one_before_added() -> None:
    told = Told(APPROVED, order_pizza=lambda _: {"status": "confirmed", "more": {"oven": 3}})
    assert all(call.content["more"] == {"oven": 3} for call in told.calls[1:])


def test_what_the_record_may_not_have_heard_of_goes_along_until_it_has() -> None:
    told = Told({**REMAKE, "attempt": 1}, {**APPROVED, **SECOND})
    brought = [(call.activity, bool(call.content.get("history"))) for call in told.calls]
    assert brought == [
        ("order_pizza", False),
        ("cook_pizza", False),
        ("validate_pizza", False),
        ("cook_pizza", True),
        ("validate_pizza", False),
        ("deliver_pizza", True),
    ]


def test_it_waits_for_the_manager() -> None:
    told = Told()
    assert (told.result, told.activities[-1]) == ("waits", "validate_pizza")


def test_a_rejected_pizza_fails_the_order() -> None:
    told = Told(REJECTED)
    assert told.activities[-1] == "end_order"
    assert told.result["error"] == "Pizza validation failed - need to remake"


def test_a_remade_pizza_is_the_next_attempt() -> None:
    told = Told({**REMAKE, "attempt": 1}, {**APPROVED, **SECOND})
    cooked = [call.content["attempt"] for call in told.calls if call.activity == "cook_pizza"]
    assert cooked == [1, 2]
    assert told.result["delivery_result"]["attempt"] == 2


def test_a_pizza_is_remade_as_often_as_the_plan_says() -> None:
    told = Told(REMAKE, REMAKE, REMAKE)
    assert told.activities.count("cook_pizza") == 3
    assert told.result["error"] == "Pizza validation failed - remade too often"


@pytest.mark.parametrize(
    ("activity", "said"),
    [("order_pizza", "Order failed"), ("cook_pizza", "Cooking failed"), ("deliver_pizza", "Delivery failed")],
)
class TestFailing:
    def test_the_error_says_why(self, activity: str, said: str) -> None:
        told = Told(APPROVED, **{activity: failing("nothing", "no oven")})
        assert told.result == {"order_id": "123", "status": "failed", "error": f"{said}: no oven"}
        assert told.activities[-2:] == [activity, "end_order"]

    def test_or_that_nobody_knows(self, activity: str, said: str) -> None:
        assert Told(APPROVED, **{activity: failing("nothing")}).result["error"] == f"{said}: Unknown error"

    def test_an_activity_that_breaks_fails_the_order(self, activity: str, said: str) -> None:
        told = Told(APPROVED, **{activity: breaking})
        assert told.result["status"] == "failed", said
        assert "the activity broke" in told.result["error"]


def test_the_end_that_stands_is_the_result() -> None:
    """A second run of a finished order: the record's word is the result, whatever this run came to."""
    delivered = {"order_id": "123", "status": "completed", "final_status": "delivered"}
    told = Told(order_pizza=failing("refused", "closed"), end_order=lambda _: delivered)
    assert told.activities == ["order_pizza", "end_order"]
    assert told.result == delivered


def test_a_decision_on_another_attempt_is_dropped() -> None:
    stale = {**APPROVED, "attempt": 1}
    assert Told({**REMAKE, "attempt": 1}, stale, stale).result == "waits"
    assert Told({**APPROVED, "attempt": 2}).result == "waits"


@pytest.mark.parametrize("event", [None, "yes", 1, [], {}, {"approved": "true"}, {"approved": None}, {"approved": 1}])
def test_nonsense_is_passed_over(event: Any) -> None:
    assert Told(event).result == "waits"
    assert Told(event, APPROVED).result["status"] == "completed"


def test_a_decision_raised_in_the_engine_is_recorded() -> None:
    told = Told({"approved": True})
    (call,) = [call for call in told.calls if call.activity == "record_decision"]
    assert call.content == {"order": WAITS, "event": {"approved": True}}
    assert told.result["status"] == "completed"


def test_what_else_it_says_does_not_go_along() -> None:
    told = Told({"approved": True, "by": "ana", "seal": "none", "more": "x" * 100_000})
    (call,) = [call for call in told.calls if call.activity == "record_decision"]
    assert call.content["event"] == {"approved": True, "by": "ana"}


@pytest.mark.parametrize(
    "claimed",
    [
        {"recorded": True},
        {"seal": True},
        {"seal": None},
        {"seal": ""},
        {"seal": prints(SECRET, 1)[0]},
        {"seal": seal(SECRET, 2)},
        {"seal": seal("", 1)},
    ],
)
def test_an_event_is_not_believed_that_only_says_it_was_recorded(claimed: Answer) -> None:
    told = Told({"approved": True, **claimed}, record_decision=lambda _: {"approved": False, "remake": False})
    assert told.activities[-2:] == ["record_decision", "end_order"]


def test_the_record_has_the_last_word_on_it() -> None:
    told = Told({"approved": True}, record_decision=lambda _: {"approved": False, "remake": False})
    assert told.result["error"] == "Pizza validation failed - need to remake"


PATIENCE = {"reminder": 300.0, "deadline": None}


def answering(*said: Answer) -> Callable[[Any], Any]:
    rest = list(said)
    return lambda _: rest.pop(0)


class TestLate:
    @pytest.mark.parametrize(
        ("reminder", "deadline", "first"),
        [(None, None, None), (300.0, None, 300), (None, 60.0, 60), (300.0, 60.0, 60), (60.0, 300.0, 60)],
    )
    def test_it_waits_until_something_is_due(self, reminder: float, deadline: float, first: float) -> None:
        assert Told(plan={"reminder": reminder, "deadline": deadline}).seconds == [first]

    def test_the_record_says_how_long_to_wait_next(self) -> None:
        remind = answering({"seconds": 12.5}, {"seconds": None})
        told = Told(LATE, LATE, plan=PATIENCE, remind_manager=remind)
        assert told.seconds == [300, 12.5, None]
        assert [call.content for call in told.calls if call.activity == "remind_manager"] == [
            {"order": WAITS, **PATIENCE}
        ] * 2

    def test_a_decision_after_it_was_overdue_counts(self) -> None:
        told = Told(LATE, APPROVED, plan=PATIENCE, remind_manager=answering({"seconds": 600}))
        assert told.activities[-2:] == ["remind_manager", "deliver_pizza"]
        assert told.result["status"] == "completed"

    def test_a_decision_that_stands_already_counts(self) -> None:
        stands = {"decision": {"approved": False, "remake": True}, "failed": None, "seconds": None}
        told = Told(LATE, {**REMAKE, "attempt": 1}, plan=PATIENCE, remind_manager=answering(stands))
        assert told.activities.count("cook_pizza") == 2
        assert told.result == "waits", "its event, that came later, does not decide on the next pizza"

    def test_too_late_fails_the_order(self) -> None:
        told = Told(LATE, plan={"deadline": 9.0}, remind_manager=answering({"failed": "too late"}))
        assert told.activities[-2:] == ["remind_manager", "end_order"]
        assert told.result["error"] == "too late"

    def test_a_remade_pizza_is_waited_for_anew(self) -> None:
        told = Told(REMAKE, plan=PATIENCE)
        assert told.seconds == [300, 300]

    def test_a_good_order_that_is_decided_in_time_takes_four_activities(self) -> None:
        told = Told(APPROVED, plan={"reminder": 300.0, "deadline": 600.0})
        assert told.activities == ["order_pizza", "cook_pizza", "validate_pizza", "deliver_pizza"]


class TestRestarted:
    """The engine has lost it, and its workflow is told again from the start: the record knows how far it has come."""

    def test_it_takes_the_decision_that_stands(self) -> None:
        stands = {"decision": {"approved": True, "remake": False}, "failed": None, "seconds": None}
        told = Told(plan={"restarted": True}, remind_manager=answering(stands))
        assert told.activities[-2:] == ["remind_manager", "deliver_pizza"]
        assert told.waits == []

    def test_it_waits_for_as_long_as_is_left(self) -> None:
        told = Told(plan={"restarted": True, **PATIENCE}, remind_manager=answering({"seconds": 12.5}))
        assert told.seconds == [12.5]

    def test_it_ends_as_the_record_did(self) -> None:
        told = Told(plan={"restarted": True}, remind_manager=answering({"failed": "the order was deleted"}))
        assert told.activities[-1] == "end_order"

    def test_it_begins_with_the_attempt_that_it_is_on_and_looks_once(self) -> None:
        stands = {"decision": {"approved": False, "remake": True}, "failed": None, "seconds": None}
        plan = {"restarted": True, "order": {**ORDER, "attempt": 2}}
        told = Told({**APPROVED, "attempt": 3, "seal": seal(SECRET, 3)}, plan=plan, remind_manager=answering(stands))
        assert [call.content["attempt"] for call in told.calls if call.activity == "cook_pizza"] == [2, 3]
        assert told.activities.count("remind_manager") == 1
        assert told.result["status"] == "completed"


def test_however_often_it_is_remade_what_the_engine_keeps_stays_small() -> None:
    """The largest order, 20 remakes, each decided with the longest texts: far below the engine's 4 MiB."""
    longest = "\U0001f355" * 500
    events = [{**REMAKE, "attempt": n, "seal": seal(SECRET, n), "by": longest, "note": longest} for n in range(1, 22)]
    told = Told(*events, plan={"max_remakes": 20, "seals": prints(SECRET, 21)})
    assert told.result["error"] == "Pizza validation failed - remade too often"
    kept = [json.dumps(call.content) for call in told.calls] + [json.dumps(event) for event in events]
    assert sum(map(len, kept)) < 400_000
