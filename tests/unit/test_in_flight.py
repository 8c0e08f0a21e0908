"""Orders in flight across versions: stored histories, told again by today's code as after a crash at any turn."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dapr.ext.workflow import WorkflowRuntime
from dapr.ext.workflow._durabletask.internal import protos as pb
from dapr.ext.workflow._durabletask.worker import _OrchestrationExecutor, _Registry
from fakes.sidecar import FakeSidecar
from google.protobuf.json_format import ParseDict

from pizzashop.workflow.activities import Activities
from pizzashop.workflow.capacity import Capacity
from pizzashop.workflow.pizza_workflow import NAME, Steps, pizza_workflow
from pizzashop.workflow.worker import LATEST, VERSIONS, register

HISTORIES = Path(__file__).parents[1] / "histories"
STORED = sorted(HISTORIES.glob("*/*.json"))
CONFIRMATIONS = {"taskScheduled", "timerCreated", "executionCompleted"}
NAMES = [f"{path.parent.name}-{path.stem}" for path in STORED]
OF_TODAY = [path for path in STORED if path.parent.name == LATEST]

Events = list[pb.HistoryEvent]
Did = tuple[str, ...]


def stored(path: Path) -> Events:
    return list(ParseDict(json.loads(path.read_text()), pb.GetInstanceHistoryResponse()).events)


def kind(event: pb.HistoryEvent) -> str:
    return str(event.WhichOneof("eventType"))


def turns(events: Events) -> Iterator[tuple[Events, Events, list[Did]]]:
    """Each turn of the workflow: what was before, what was new, and what the workflow did about it."""
    starts = [place for place, event in enumerate(events) if kind(event) == "workflowStarted"]
    for start, end in zip(starts, [*starts[1:], len(events)], strict=True):
        turn = events[start:end]
        new = [event for event in turn if kind(event) not in CONFIRMATIONS]
        yield events[:start], new, [confirmed(event) for event in turn if kind(event) in CONFIRMATIONS]


def confirmed(event: pb.HistoryEvent) -> Did:
    """What the engine noted of something that the workflow did."""
    if kind(event) == "taskScheduled":
        return "activity", event.taskScheduled.name
    if kind(event) == "timerCreated":
        return "timer", event.timerCreated.fireAt.ToJsonString()
    ended = event.executionCompleted
    return "end", pb.OrchestrationStatus.Name(ended.workflowStatus), ended.result.value


def done(action: Any) -> Did:
    """The same of what today's code does."""
    if action.HasField("scheduleTask"):
        return "activity", action.scheduleTask.name
    if action.HasField("createTimer"):
        return "timer", action.createTimer.fireAt.ToJsonString()
    ended = action.completeWorkflow
    return "end", pb.OrchestrationStatus.Name(ended.workflowStatus), ended.result.value


def differences(events: Events, registry: _Registry) -> list[tuple[int, list[Did], list[Did]]]:
    """At which turns today's code does something else than what was done: what then, and what now."""
    found = []
    for number, (before, new, then) in enumerate(turns(events)):
        executor = _OrchestrationExecutor(registry, logging.getLogger("replay"))
        now = [done(action) for action in executor.execute("pizza-order-1", before, new).actions]
        if now != then:
            found.append((number, then, now))
    return found


@pytest.fixture(scope="module")
def registered() -> _Registry:
    """The workflow and its activities, as the worker registers them."""
    runtime = WorkflowRuntime(host="127.0.0.1", port="1")
    register(runtime, Activities(FakeSidecar(), 0), Capacity(8))
    registry = runtime._WorkflowRuntime__worker._registry  # type: ignore[attr-defined]
    assert isinstance(registry, _Registry)
    return registry


def altered(story: Callable[[Any, Any], Steps]) -> _Registry:
    registry = _Registry()
    registry.add_named_orchestrator(NAME, story, LATEST, True)
    return registry


def test_each_kind_of_ending_is_stored_of_each_version() -> None:
    wanted = {
        "delivered",
        "rejected",
        "remade_then_delivered",
        "remade_too_often",
        "failed_in_the_kitchen",
        "overdue_then_approved",
        "deadline_passed",
        "cancelled_while_it_waits",
        "paused_and_resumed",
    }
    for version in VERSIONS:
        assert wanted <= {path.stem for path in STORED if path.parent.name == version}


def test_each_version_that_has_histories_is_told_still() -> None:
    assert {path.parent.name for path in STORED} == set(VERSIONS)


@pytest.mark.parametrize("path", STORED, ids=NAMES)
def test_todays_code_goes_on_as_it_began_wherever_it_stood(path: Path, registered: _Registry) -> None:
    assert differences(stored(path), registered) == []


@pytest.mark.parametrize("path", STORED, ids=NAMES)
def test_each_activity_that_was_asked_for_is_there_still(path: Path, registered: _Registry) -> None:
    asked = {event.taskScheduled.name for event in stored(path) if kind(event) == "taskScheduled"}
    assert asked - set(registered.activities) == set()


class Changed:
    """The engine's context, with one change to what the story asks of it."""

    def __init__(self, ctx: Any, names: dict[str, str] | None = None, *, impatient: bool = False) -> None:
        self._ctx, self._names, self._impatient = ctx, names or {}, impatient
        self.current_utc_datetime = ctx.current_utc_datetime

    def call_activity(self, name: str, **more: Any) -> Any:
        return self._ctx.call_activity(self._names.get(name, name), **more)

    def wait_for_external_event(self, name: str, **more: Any) -> Any:
        return self._ctx.wait_for_external_event("Another" if self._impatient else name, **more)


def swapped(ctx: Any, plan: dict[str, Any]) -> Steps:
    names = {"cook_pizza": "validate_pizza", "validate_pizza": "cook_pizza"}
    return pizza_workflow(Changed(ctx, names), plan)  # type: ignore[arg-type]


def renamed(ctx: Any, plan: dict[str, Any]) -> Steps:
    return pizza_workflow(Changed(ctx, {"deliver_pizza": "bring_pizza"}), plan)  # type: ignore[arg-type]


def waiting_for_another_event(ctx: Any, plan: dict[str, Any]) -> Steps:
    return pizza_workflow(Changed(ctx, impatient=True), plan)  # type: ignore[arg-type]


def with_one_more_at_the_beginning(ctx: Any, plan: dict[str, Any]) -> Steps:
    yield ctx.call_activity("greet_customer", input=None)
    return (yield from pizza_workflow(ctx, plan))


def with_one_more_at_the_end(ctx: Any, plan: dict[str, Any]) -> Steps:
    result = yield from pizza_workflow(ctx, plan)
    yield ctx.call_activity("thank_customer", input=None)
    return result


def with_another_result(ctx: Any, plan: dict[str, Any]) -> Steps:
    result = yield from pizza_workflow(ctx, plan)
    return {**result, "thanks": True}


@pytest.mark.parametrize(
    "story",
    [
        swapped,
        renamed,
        waiting_for_another_event,
        with_one_more_at_the_beginning,
        with_one_more_at_the_end,
        with_another_result,
    ],
    ids=lambda story: story.__name__,
)
def test_a_change_that_would_break_orders_in_flight_is_noticed(story: Callable[[Any, Any], Steps]) -> None:
    assert any(differences(stored(path), altered(story)) for path in OF_TODAY)


def test_the_story_as_it_is_passes_the_same_way() -> None:
    assert not any(differences(stored(path), altered(pizza_workflow)) for path in OF_TODAY)
