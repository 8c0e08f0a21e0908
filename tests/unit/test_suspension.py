"""A workflow that is suspended at any moment goes on when it is resumed, and begins nothing twice."""

import logging
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any

import pytest
from dapr.ext.workflow import DaprWorkflowContext
from dapr.ext.workflow._durabletask.internal import helpers
from dapr.ext.workflow._durabletask.internal import protos as pb
from dapr.ext.workflow._durabletask.worker import _OrchestrationExecutor, _Registry

from pizzashop.workflow import sdk

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
START = [
    helpers.new_workflow_started_event(NOON),
    helpers.new_execution_started_event("story", "1"),
]
COOKED = [*START, helpers.new_task_scheduled_event(1, "cook"), helpers.new_task_completed_event(1, '"cooked"')]


def story(ctx: DaprWorkflowContext, _: Any) -> Generator[Any, Any, Any]:
    yield ctx.call_activity("cook")
    yield ctx.call_activity("deliver")
    return "delivered"


@pytest.fixture
def registry() -> _Registry:
    sdk.patch_suspension()
    found = _Registry()
    found.add_named_orchestrator("story", story)
    return found


def did(registry: _Registry, before: list[pb.HistoryEvent], *new: pb.HistoryEvent) -> list[str]:
    """What the workflow does about the new events: an activity's name, or how it ends."""
    executor = _OrchestrationExecutor(registry, logging.getLogger("replay"))
    actions = executor.execute("1", before, list(new)).actions
    return [a.scheduleTask.name or pb.OrchestrationStatus.Name(a.completeWorkflow.workflowStatus) for a in actions]


def test_what_it_begins_as_it_is_suspended_begins_once(registry: _Registry) -> None:
    suspended = [*COOKED, helpers.new_suspend_event()]
    assert did(registry, suspended[:3], *suspended[3:]) == ["deliver"]
    noted = [*suspended, helpers.new_task_scheduled_event(2, "deliver")]
    assert did(registry, noted, helpers.new_workflow_started_event(NOON)) == []
    done = [*noted, helpers.new_task_completed_event(2, '"delivered"')]
    assert did(registry, noted, done[-1]) == []
    assert did(registry, done, helpers.new_resume_event()) == ["ORCHESTRATION_STATUS_COMPLETED"]


def test_suspended_twice_it_goes_on_at_the_resume(registry: _Registry) -> None:
    twice = [*COOKED[:3], helpers.new_suspend_event(), helpers.new_suspend_event(), COOKED[3]]
    assert did(registry, twice, helpers.new_resume_event()) == ["deliver"]
