"""The workflow of an order, run with a context in place of the engine."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from dapr.ext.workflow import TaskFailedError
from dapr.ext.workflow._durabletask.internal import protos as pb
from fakes.engine import NOON, Call, FakeContext, Wait

from pizzashop.workflow.pizza_workflow import pizza_workflow

Json = dict[str, Any]
Answers = dict[str, Callable[[Any], Any]]

ORDER = {"order_id": "123", "attempt": 1, "uid": "uid-1"}
WAITING_ORDER = {**ORDER, "status": "pending_validation"}
SETTINGS: Json = {"max_remakes": 2, "reminder": None, "deadline": None}
GOOD_PATH = ["order_pizza", "cook_pizza", "validate_pizza", "deliver_pizza"]
GOOD_ANSWERS: Answers = {
    "order_pizza": lambda _: {"status": "confirmed"},
    "cook_pizza": lambda _: {"status": "cooked"},
    "validate_pizza": lambda _: {"status": "pending_validation"},
    "deliver_pizza": lambda order: {"order_id": "123", "attempt": order["attempt"], "status": "delivered"},
    "record_decision": lambda raised: raised["event"],
    "end_order": lambda failure: {"order_id": "123", "status": "failed", "error": failure["error"]},
}

TIMEOUT = TimeoutError()
# Events as the shop raises them.
RECORDED = {"attempt": 1, "uid": "uid-1", "recorded": True}
APPROVED = {"approved": True, **RECORDED}
REJECTED = {"approved": False, **RECORDED}
REMAKE = {"approved": False, "remake": True, **RECORDED}


class Run:
    """A run of the workflow with these events: its result, its activities and its waits."""

    def __init__(self, *events: Any, start: Json | None = None, **answers: Callable[[Any], Any]) -> None:
        self.calls: list[Call] = []
        self.waits: list[Wait] = []
        self.result: Any = "waits"
        self._events, self._answers = list(events), {**GOOD_ANSWERS, **answers}
        content = {"order": ORDER, **SETTINGS, "restarted": False, **(start or {})}
        workflow = pizza_workflow(FakeContext(), content)  # type: ignore[arg-type]
        request = next(workflow)
        try:
            while not (self._is_wait(request) and not self._events):
                outcome = self._outcome(request)
                request = workflow.throw(outcome) if isinstance(outcome, Exception) else workflow.send(outcome)
        except StopIteration as end:
            self.result = end.value
        else:
            workflow.close()

    @property
    def activities(self) -> list[str]:
        return [call.activity for call in self.calls]

    @property
    def seconds(self) -> list[float | None]:
        """How long each wait for the manager was to last."""
        return [wait.until and (wait.until - NOON).total_seconds() for wait in self.waits]

    def inputs(self, activity: str) -> list[Any]:
        return [call.content for call in self.calls if call.activity == activity]

    def _is_wait(self, request: Call | Wait) -> bool:
        if isinstance(request, Wait):
            self.waits.append(request)
        return isinstance(request, Wait)

    def _outcome(self, request: Call | Wait) -> Any:
        if isinstance(request, Wait):
            assert request.event == "ValidationComplete"
            return self._events.pop(0)
        self.calls.append(request)
        return self._answers[request.activity](request.content)


def answering(status: str, error: str | None = None) -> Callable[[Any], Any]:
    return lambda _: {"status": status, **({"error": error} if error else {})}


def breaking(_: Any) -> Exception:
    return TaskFailedError("the activity broke", pb.TaskFailureDetails(errorMessage="broke"))


def test_a_good_order_takes_four_activities() -> None:
    run = Run(APPROVED)
    assert run.activities == GOOD_PATH
    assert run.result == {
        "order_id": "123",
        "status": "completed",
        "final_status": "delivered",
        "delivery_result": {"order_id": "123", "attempt": 1, "status": "delivered"},
    }


def test_each_step_gets_the_fields_that_an_earlier_one_added() -> None:
    run = Run(APPROVED, order_pizza=lambda _: {"status": "confirmed", "more": {"oven": 3}})
    assert all(call.content["more"] == {"oven": 3} for call in run.calls[1:])


def test_it_waits_for_the_manager() -> None:
    run = Run()
    assert (run.result, run.activities[-1]) == ("waits", "validate_pizza")


def test_a_rejected_pizza_fails_the_order() -> None:
    run = Run(REJECTED)
    assert run.activities[-1] == "end_order"
    assert run.result["error"] == "Pizza validation failed - need to remake"


def test_a_remade_pizza_is_the_next_attempt() -> None:
    run = Run(REMAKE, {**APPROVED, "attempt": 2})
    assert [order["attempt"] for order in run.inputs("cook_pizza")] == [1, 2]
    assert run.result["delivery_result"]["attempt"] == 2


def test_a_pizza_is_remade_as_often_as_the_settings_allow() -> None:
    run = Run(*({**REMAKE, "attempt": attempt} for attempt in (1, 2, 3)))
    assert run.activities.count("cook_pizza") == 3
    assert run.result["error"] == "Pizza validation failed - remade too often"


@pytest.mark.parametrize(
    ("activity", "failure"),
    [
        ("order_pizza", "Order failed"),
        ("cook_pizza", "Cooking failed"),
        ("validate_pizza", "Pizza validation failed"),
        ("deliver_pizza", "Delivery failed"),
    ],
)
class TestFailingStep:
    def test_the_error_says_why(self, activity: str, failure: str) -> None:
        run = Run(APPROVED, **{activity: answering("nothing", "no oven")})
        assert run.result == {"order_id": "123", "status": "failed", "error": f"{failure}: no oven"}
        assert run.activities[-2:] == [activity, "end_order"]

    def test_the_error_says_that_the_reason_is_unknown(self, activity: str, failure: str) -> None:
        run = Run(APPROVED, **{activity: answering("nothing")})
        assert run.result["error"] == f"{failure}: Unknown error"

    def test_an_activity_that_breaks_fails_the_order(self, activity: str, failure: str) -> None:
        run = Run(APPROVED, **{activity: breaking})
        assert run.result["status"] == "failed", failure
        assert "the activity broke" in run.result["error"]


def test_the_end_in_the_record_is_the_result() -> None:
    """An ended order whose workflow runs a second time."""
    delivered = {"order_id": "123", "status": "completed", "final_status": "delivered"}
    run = Run(order_pizza=answering("refused", "closed"), end_order=lambda _: delivered)
    assert run.activities == ["order_pizza", "end_order"]
    assert run.result == delivered


class TestEvents:
    @pytest.mark.parametrize("other", [{"attempt": 2}, {"uid": "uid-0"}])
    def test_a_decision_on_another_attempt_or_order_is_ignored(self, other: Json) -> None:
        assert Run({**APPROVED, **other}).result == "waits"

    def test_a_second_click_does_not_approve_the_next_pizza(self) -> None:
        assert Run(REMAKE, APPROVED, APPROVED).result == "waits"

    @pytest.mark.parametrize(
        "event", [None, "yes", 1, [], {}, {"approved": "true"}, {"approved": None}, {"approved": 1}]
    )
    def test_an_invalid_event_is_ignored(self, event: Any) -> None:
        assert Run(event).result == "waits"
        assert Run(event, APPROVED).result["status"] == "completed"

    def test_a_decision_that_the_shop_raised_needs_no_further_activity(self) -> None:
        assert Run(APPROVED).activities == GOOD_PATH

    @pytest.mark.parametrize(
        "event",
        [
            {"approved": True},
            {"approved": True, "attempt": 1, "uid": "uid-1"},
            {"approved": True, "recorded": True},
            {**APPROVED, "recorded": "yes"},
        ],
    )
    def test_a_decision_that_somebody_raised_in_the_engine_is_recorded(self, event: Json) -> None:
        run = Run(event)
        assert run.inputs("record_decision") == [{"order": WAITING_ORDER, "event": {"approved": True}}]
        assert run.result["status"] == "completed"

    def test_of_such_a_decision_only_the_known_fields_are_kept(self) -> None:
        run = Run({"approved": True, "by": "ana", "more": "x" * 100_000})
        assert run.inputs("record_decision")[0]["event"] == {"approved": True, "by": "ana"}

    def test_the_decision_in_the_record_counts_against_one_raised_in_the_engine(self) -> None:
        run = Run({"approved": True}, record_decision=lambda _: {"approved": False, "remake": False})
        assert run.result["error"] == "Pizza validation failed - need to remake"


REMINDER = {"reminder": 300.0, "deadline": None}


def answering_in_turn(*answers: Json) -> Callable[[Any], Any]:
    rest = list(answers)
    return lambda _: rest.pop(0)


class TestReminders:
    @pytest.mark.parametrize(
        ("reminder", "deadline", "first"),
        [(None, None, None), (300.0, None, 300), (None, 60.0, 60), (300.0, 60.0, 60), (60.0, 300.0, 60)],
    )
    def test_it_waits_until_something_is_due(self, reminder: float, deadline: float, first: float) -> None:
        assert Run(start={"reminder": reminder, "deadline": deadline}).seconds == [first]

    def test_the_record_says_how_long_to_wait_next(self) -> None:
        answers = answering_in_turn({"seconds": 12.5}, {"seconds": None})
        run = Run(TIMEOUT, TIMEOUT, start=REMINDER, remind_manager=answers)
        assert run.seconds == [300, 12.5, None]
        assert run.inputs("remind_manager") == [{"order": WAITING_ORDER, **REMINDER}] * 2

    def test_a_decision_after_a_reminder_counts(self) -> None:
        run = Run(TIMEOUT, APPROVED, start=REMINDER, remind_manager=answering_in_turn({"seconds": 600}))
        assert run.activities[-2:] == ["remind_manager", "deliver_pizza"]
        assert run.result["status"] == "completed"

    def test_a_decision_that_the_record_has_counts(self) -> None:
        decided = {"decision": {"approved": False, "remake": True}, "failed": None, "seconds": None}
        run = Run(TIMEOUT, REMAKE, start=REMINDER, remind_manager=answering_in_turn(decided))
        assert run.activities.count("cook_pizza") == 2
        assert run.result == "waits", "its event, which came later, does not decide on the next pizza"

    def test_after_the_deadline_the_order_fails(self) -> None:
        run = Run(TIMEOUT, start={"deadline": 9.0}, remind_manager=answering_in_turn({"failed": "too late"}))
        assert run.activities[-2:] == ["remind_manager", "end_order"]
        assert run.result["error"] == "too late"

    def test_for_a_remade_pizza_it_waits_anew(self) -> None:
        assert Run(REMAKE, start=REMINDER).seconds == [300, 300]

    def test_an_order_that_is_decided_on_in_time_takes_four_activities(self) -> None:
        assert Run(APPROVED, start={"reminder": 300.0, "deadline": 600.0}).activities == GOOD_PATH


class TestRestarted:
    """The engine had lost the workflow. It runs again from its start, and the record has the order's progress."""

    def test_the_decision_in_the_record_counts(self) -> None:
        decided = {"decision": {"approved": True, "remake": False}, "failed": None, "seconds": None}
        run = Run(start={"restarted": True}, remind_manager=answering_in_turn(decided))
        assert run.activities[-2:] == ["remind_manager", "deliver_pizza"]
        assert run.waits == []

    def test_it_waits_for_the_remaining_time(self) -> None:
        run = Run(start={"restarted": True, **REMINDER}, remind_manager=answering_in_turn({"seconds": 12.5}))
        assert run.seconds == [12.5]

    def test_it_ends_as_the_record_did(self) -> None:
        deleted = answering_in_turn({"failed": "the order was deleted"})
        assert Run(start={"restarted": True}, remind_manager=deleted).activities[-1] == "end_order"

    def test_it_begins_with_its_present_attempt_and_asks_the_record_once(self) -> None:
        decided = {"decision": {"approved": False, "remake": True}, "failed": None, "seconds": None}
        start = {"restarted": True, "order": {**ORDER, "attempt": 2}}
        run = Run({**APPROVED, "attempt": 3}, start=start, remind_manager=answering_in_turn(decided))
        assert [order["attempt"] for order in run.inputs("cook_pizza")] == [2, 3]
        assert run.activities.count("remind_manager") == 1
        assert run.result["status"] == "completed"


def test_what_the_engine_keeps_of_an_order_stays_small_however_often_it_is_remade() -> None:
    """The largest order, 20 remakes, each decided on with the longest texts: far below the engine's 4 MiB."""
    longest = "\U0001f355" * 500
    events = [{**REMAKE, "attempt": attempt, "by": longest, "note": longest} for attempt in range(1, 22)]
    run = Run(*events, start={"max_remakes": 20})
    assert run.result["error"] == "Pizza validation failed - remade too often"
    kept = [json.dumps(call.content) for call in run.calls] + [json.dumps(event) for event in events]
    assert sum(map(len, kept)) < 400_000
