"""The shop's changes to the workflow SDK: each is still needed, and works."""

import logging
from collections.abc import Generator
from datetime import UTC, datetime
from importlib.util import find_spec, module_from_spec
from typing import Any

import grpc
import pytest
from dapr.ext.workflow import DaprWorkflowContext
from dapr.ext.workflow._durabletask import worker
from dapr.ext.workflow._durabletask.internal import helpers
from dapr.ext.workflow._durabletask.internal import protos as pb
from dapr.ext.workflow._durabletask.worker import _OrchestrationExecutor, _Registry

from pizzashop.errors import Unavailable
from pizzashop.workflow import sdk

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
START = [
    helpers.new_workflow_started_event(NOON),
    helpers.new_execution_started_event("two_steps", "1"),
]
COOKED = [*START, helpers.new_task_scheduled_event(1, "cook"), helpers.new_task_completed_event(1, '"cooked"')]


def two_steps(ctx: DaprWorkflowContext, _: Any) -> Generator[Any, Any, Any]:
    yield ctx.call_activity("cook")
    yield ctx.call_activity("deliver")
    return "delivered"


@pytest.fixture
def registry() -> _Registry:
    sdk.prepare_sdk()
    registry = _Registry()
    registry.add_named_orchestrator("two_steps", two_steps)
    return registry


def run_turn(registry: _Registry, before: list[pb.HistoryEvent], *new: pb.HistoryEvent) -> list[str]:
    """Return the actions of the workflow at the new events: names of activities, or its final status."""
    executor = _OrchestrationExecutor(registry, logging.getLogger("replay"))
    actions = executor.execute("1", before, list(new)).actions
    return [a.scheduleTask.name or pb.OrchestrationStatus.Name(a.completeWorkflow.workflowStatus) for a in actions]


class TestSuspension:
    """A workflow that is suspended at any moment goes on when it is resumed, and begins nothing twice."""

    def test_an_activity_of_the_turn_in_which_it_is_suspended_is_scheduled_once(self, registry: _Registry) -> None:
        suspended = [*COOKED, helpers.new_suspend_event()]
        assert run_turn(registry, suspended[:3], *suspended[3:]) == ["deliver"]
        scheduled = [*suspended, helpers.new_task_scheduled_event(2, "deliver")]
        assert run_turn(registry, scheduled, helpers.new_workflow_started_event(NOON)) == []
        done = [*scheduled, helpers.new_task_completed_event(2, '"delivered"')]
        assert run_turn(registry, scheduled, done[-1]) == []
        assert run_turn(registry, done, helpers.new_resume_event()) == ["ORCHESTRATION_STATUS_COMPLETED"]

    def test_suspended_twice_it_goes_on_when_it_is_resumed(self, registry: _Registry) -> None:
        twice = [*COOKED[:3], helpers.new_suspend_event(), helpers.new_suspend_event(), COOKED[3]]
        assert run_turn(registry, twice, helpers.new_resume_event()) == ["deliver"]

    def test_the_sdk_still_has_the_defect(self) -> None:
        """Once this fails, the replacement in `prepare_sdk` can go."""
        spec = find_spec(worker.__name__)
        assert spec is not None
        assert spec.loader is not None
        unchanged = module_from_spec(spec)
        spec.loader.exec_module(unchanged)
        assert unchanged._is_suspendable(helpers.new_task_scheduled_event(1, "cook"))
        assert unchanged._is_suspendable(helpers.new_suspend_event())


def test_another_version_of_the_sdk_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdk, "version", lambda _: "1.19.0")
    with pytest.raises(RuntimeError, match=r"1\.19\.0"):
        sdk.prepare_sdk()


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        (
            "failed to create workflow instance: OOM command not allowed when used memory > 'maxmemory'.",
            "out of memory",
        ),
        (
            "failed: MISCONF Errors writing to the AOF file: No space left on device script: on @user_script:8.",
            "is full",
        ),
        ("inbox key 'inbox-000000' declared in metadata but missing from state store", "taken in only half"),
        ("something else", "does not answer just now"),
    ],
)
def test_an_error_of_the_engine_has_its_reason(details: str, reason: str) -> None:
    def fail() -> None:
        raise grpc.RpcError(details)

    with pytest.raises(Unavailable, match=reason):
        sdk.call_engine(fail)


def test_a_sidecar_that_accepts_no_connections_yet_is_called_again() -> None:
    errors = iter([grpc.RpcError("failed to connect to all addresses; last error: Connection refused"), None])

    def call() -> str:
        if error := next(errors):
            raise error
        return "done"

    assert sdk.call_engine(call) == "done"
