"""Orders in flight go on with new code: stored histories are replayed, as after a crash at any turn."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dapr.ext.workflow import WorkflowRuntime
from dapr.ext.workflow._durabletask.internal import protos as pb
from dapr.ext.workflow._durabletask.worker import _OrchestrationExecutor, _Registry
from fakes.engine import Call, FakeContext, Wait
from fakes.sidecar import FakeSidecar
from google.protobuf.json_format import ParseDict

from pizzashop.workflow.activities import Activities, ContentCache
from pizzashop.workflow.capacity import RunningActivities
from pizzashop.workflow.pizza_workflow import WORKFLOW_NAME, WorkflowGenerator, pizza_workflow
from pizzashop.workflow.pizza_workflow_v1 import pizza_workflow_v1
from pizzashop.workflow.worker import LATEST_VERSION, WORKFLOW_VERSIONS, register_workflow

HISTORIES = Path(__file__).parents[1] / "histories"
STORED = sorted(HISTORIES.glob("*/*.json"))
CONFIRMATIONS = {"taskScheduled", "timerCreated", "executionCompleted"}
NAMES = [f"{path.parent.name}-{path.stem}" for path in STORED]
OF_LATEST = [path for path in STORED if path.parent.name == LATEST_VERSION]

Events = list[pb.HistoryEvent]
Action = tuple[str, ...]


def read_history(path: Path) -> Events:
    return list(ParseDict(json.loads(path.read_text()), pb.GetInstanceHistoryResponse()).events)


def kind(event: pb.HistoryEvent) -> str:
    return str(event.WhichOneof("eventType"))


def turns(events: Events) -> Iterator[tuple[Events, Events, list[Action]]]:
    """Yield each turn of the workflow: the events before it, the new events, and the actions of the workflow."""
    starts = [place for place, event in enumerate(events) if kind(event) == "workflowStarted"]
    for start, end in zip(starts, [*starts[1:], len(events)], strict=True):
        turn = events[start:end]
        new = [event for event in turn if kind(event) not in CONFIRMATIONS]
        yield events[:start], new, [confirmed_action(event) for event in turn if kind(event) in CONFIRMATIONS]


def confirmed_action(event: pb.HistoryEvent) -> Action:
    """Return an action of the workflow by the event with which the engine confirmed it."""
    if kind(event) == "taskScheduled":
        return "activity", event.taskScheduled.name
    if kind(event) == "timerCreated":
        return "timer", event.timerCreated.fireAt.ToJsonString()
    ended = event.executionCompleted
    return "end", pb.OrchestrationStatus.Name(ended.workflowStatus), ended.result.value


def action_of(action: Any) -> Action:
    """Return an action of the present code in the same form."""
    if action.HasField("scheduleTask"):
        return "activity", action.scheduleTask.name
    if action.HasField("createTimer"):
        return "timer", action.createTimer.fireAt.ToJsonString()
    ended = action.completeWorkflow
    return "end", pb.OrchestrationStatus.Name(ended.workflowStatus), ended.result.value


def differences(events: Events, registry: _Registry) -> list[tuple[int, list[Action], list[Action]]]:
    """Return the turns at which the present code acts differently: its number, and the actions then and now."""
    found = []
    for number, (before, new, then) in enumerate(turns(events)):
        executor = _OrchestrationExecutor(registry, logging.getLogger("replay"))
        now = [action_of(action) for action in executor.execute("pizza-order-1", before, new).actions]
        if now != then:
            found.append((number, then, now))
    return found


@pytest.fixture(scope="module")
def registered() -> _Registry:
    """The workflow and its activities, as the worker registers them."""
    runtime = WorkflowRuntime(host="127.0.0.1", port="1")
    sidecar = FakeSidecar()
    register_workflow(runtime, Activities(sidecar, 0, ContentCache(sidecar)), RunningActivities())
    registry = runtime._WorkflowRuntime__worker._registry  # type: ignore[attr-defined]
    assert isinstance(registry, _Registry)
    return registry


def changed_registry(workflow: Callable[[Any, Any], WorkflowGenerator]) -> _Registry:
    registry = _Registry()
    registry.add_named_orchestrator(WORKFLOW_NAME, workflow, LATEST_VERSION, True)
    return registry


def test_each_version_has_a_history_of_each_ending() -> None:
    endings = {
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
    for version in WORKFLOW_VERSIONS:
        assert endings <= {path.stem for path in STORED if path.parent.name == version}


def test_each_version_with_histories_is_still_registered() -> None:
    assert {path.parent.name for path in STORED} == set(WORKFLOW_VERSIONS)


@pytest.mark.parametrize("path", STORED, ids=NAMES)
def test_an_order_in_flight_goes_on_as_it_began_wherever_it_is(path: Path, registered: _Registry) -> None:
    assert differences(read_history(path), registered) == []


@pytest.mark.parametrize("path", STORED, ids=NAMES)
def test_each_activity_of_an_order_in_flight_is_still_registered(path: Path, registered: _Registry) -> None:
    called = {event.taskScheduled.name for event in read_history(path) if kind(event) == "taskScheduled"}
    assert called - set(registered.activities) == set()


class Changed:
    """The engine's context, with one change to the calls of the workflow."""

    def __init__(self, ctx: Any, names: dict[str, str] | None = None, *, impatient: bool = False) -> None:
        self._ctx, self._names, self._impatient = ctx, names or {}, impatient
        self.current_utc_datetime = ctx.current_utc_datetime

    def call_activity(self, name: str, **more: Any) -> Any:
        return self._ctx.call_activity(self._names.get(name, name), **more)

    def wait_for_external_event(self, name: str, **more: Any) -> Any:
        return self._ctx.wait_for_external_event("Another" if self._impatient else name, **more)


def swapped(ctx: Any, start: dict[str, Any]) -> WorkflowGenerator:
    names = {"cook_pizza": "validate_pizza", "validate_pizza": "cook_pizza"}
    return pizza_workflow(Changed(ctx, names), start)  # type: ignore[arg-type]


def renamed(ctx: Any, start: dict[str, Any]) -> WorkflowGenerator:
    return pizza_workflow(Changed(ctx, {"deliver_pizza": "bring_pizza"}), start)  # type: ignore[arg-type]


def waiting_for_another_event(ctx: Any, start: dict[str, Any]) -> WorkflowGenerator:
    return pizza_workflow(Changed(ctx, impatient=True), start)  # type: ignore[arg-type]


def with_one_more_at_the_beginning(ctx: Any, start: dict[str, Any]) -> WorkflowGenerator:
    yield ctx.call_activity("greet_customer", input=None)
    return (yield from pizza_workflow(ctx, start))


def with_one_more_at_the_end(ctx: Any, start: dict[str, Any]) -> WorkflowGenerator:
    result = yield from pizza_workflow(ctx, start)
    yield ctx.call_activity("thank_customer", input=None)
    return result


def with_another_result(ctx: Any, start: dict[str, Any]) -> WorkflowGenerator:
    result = yield from pizza_workflow(ctx, start)
    return {**result, "thanks": True}


@pytest.mark.parametrize(
    "workflow",
    [
        swapped,
        renamed,
        waiting_for_another_event,
        with_one_more_at_the_beginning,
        with_one_more_at_the_end,
        with_another_result,
    ],
    ids=lambda workflow: workflow.__name__,
)
def test_a_change_that_would_break_orders_in_flight_is_noticed(
    workflow: Callable[[Any, Any], WorkflowGenerator],
) -> None:
    assert any(differences(read_history(path), changed_registry(workflow)) for path in OF_LATEST)


def test_the_present_workflow_passes_the_same_check() -> None:
    assert not any(differences(read_history(path), changed_registry(pizza_workflow)) for path in OF_LATEST)


@pytest.mark.parametrize("start", [{}, {"reminder": None, "deadline": None, "seals": ["of an earlier release"]}])
def test_an_order_of_version_1_is_decided_on_by_the_present_release(start: dict[str, Any]) -> None:
    order = {"order_id": "1", "pizza_type": "funghi", "size": "small", "attempt": 1, "uid": "uid-1"}
    event = {"order_id": "1", "approved": True, "remake": False, "attempt": 1, "uid": "uid-1", "recorded": True}
    workflow = pizza_workflow_v1(FakeContext(), {"order": order, "max_remakes": 2, **start})  # type: ignore[arg-type]
    assert next(workflow) == Call("order_pizza", order)
    assert workflow.send({**order, "status": "confirmed"}).activity == "cook_pizza"
    assert workflow.send({**order, "status": "cooked"}).activity == "validate_pizza"
    assert isinstance(workflow.send({**order, "status": "pending_validation"}), Wait)
    assert workflow.send(event).activity == "record_decision"
    assert workflow.send({"approved": True, "remake": False}).activity == "deliver_pizza"
