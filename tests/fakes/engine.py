"""A workflow engine in memory: it runs the real workflow and the real activities when a test says so."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from pizzashop import tracing
from pizzashop.errors import Conflict, NotFound, Unavailable
from pizzashop.workflow.activities import Activities
from pizzashop.workflow.pizza_workflow import DECISION_EVENT, WorkflowGenerator, pizza_workflow

NOON = datetime(2026, 11, 23, 12)


class Call(NamedTuple):
    """The workflow waits for an activity."""

    activity: str
    content: Any


class Wait(NamedTuple):
    """The workflow waits for an external event until a time of the engine's clock, or for ever."""

    event: str
    until: datetime | None = None


class FakeContext:
    """The context that the engine gives to a workflow."""

    is_replaying = False
    current_utc_datetime = NOON

    def call_activity(self, activity: str, *, input: Any = None) -> Call:
        return Call(activity, copied(input))

    def wait_for_external_event(self, name: str, *, timeout: datetime | None = None) -> Wait:
        return Wait(name, timeout)


@dataclass
class Instance:
    """A workflow instance, in the trace of the call that scheduled it.

    `held_result` is that of an activity that finished while the instance was suspended.
    """

    steps: WorkflowGenerator
    traceparent: str | None = field(default_factory=tracing.current_traceparent)
    status: str = "PENDING"
    waits_for: Call | Wait | None = None
    events: list[Any] = field(default_factory=list)
    held_result: Any = None
    result: Any = None


class FakeEngine:
    """The engine.

    `is_down` makes it unavailable. With `loses_answers` it pauses and resumes but does not answer; with
    `ignores_commands` it does not even do that. `hanging` are orders whose workflow waits for something that was lost,
    `unpurgeable` those that the engine cannot purge.
    """

    def __init__(self, activities: Activities) -> None:
        self._activities = {activity.__name__: activity for activity in activities.all()}
        self.instances: dict[str, Instance] = {}
        self.called: list[str] = []
        self.scheduled: list[str] = []
        self.is_down = self.loses_answers = self.ignores_commands = False
        self.unpurgeable: set[str] = set()
        self.hanging: set[str] = set()
        self.woken: list[str] = []
        self.too_large: set[str] = set()

    def schedule(self, order_id: str, plan: dict[str, Any]) -> None:
        self._require_up()
        if self.status(order_id) in ("PENDING", "RUNNING", "SUSPENDED"):
            return
        # As in the real engine, a workflow that has ended runs again if it is scheduled again.
        self.scheduled.append(order_id)
        self.hanging.discard(order_id)
        self.instances[order_id] = Instance(pizza_workflow(FakeContext(), copied(plan)))  # type: ignore[arg-type]

    def status(self, order_id: str) -> str | None:
        self._require_up()
        return self.instances[order_id].status if order_id in self.instances else None

    def decide(self, order_id: str, decision: dict[str, Any]) -> None:
        self._require_up()
        self.raise_event(order_id, decision)

    def pause(self, order_id: str) -> None:
        self._set_status(order_id, "SUSPENDED")

    def resume(self, order_id: str) -> None:
        self._set_status(order_id, "RUNNING")

    def wake(self, order_id: str) -> None:
        self._known(order_id)
        self.woken.append(order_id)

    def terminate(self, order_id: str) -> None:
        self._require_up()
        if self.ignores_commands:
            raise Unavailable("the engine has not acted on it yet")
        if self.status(order_id) == "STALLED":
            self.forget(order_id)
        elif order_id in self.instances:
            self.instances[order_id].status = "TERMINATED"

    def forget(self, order_id: str) -> None:
        self._require_up()
        self.instances.pop(order_id, None)

    def is_too_large(self, order_id: str) -> bool:
        return order_id in self.too_large

    def close(self) -> None:
        pass

    def raise_event(self, order_id: str, decision: Any) -> None:
        """Raise `ValidationComplete`, as anyone can who reaches the engine."""
        if order_id in self.instances:
            self.instances[order_id].events.append(copied(decision))

    def purge(self, order_id: str) -> None:
        """Forget a workflow that has ended."""
        self._require_up()
        if order_id in self.unpurgeable:
            raise Unavailable("the engine cannot purge it")
        if self.status(order_id) in ("PENDING", "RUNNING", "SUSPENDED"):
            raise Conflict("The order's workflow has not ended")
        self.instances.pop(order_id, None)

    def run(self, order_id: str = "123") -> None:
        """Run the workflow of an order as far as possible."""
        instance = self.instances[order_id]
        if order_id in self.hanging:
            return
        if instance.status == "PENDING":
            instance.status, instance.waits_for = "RUNNING", next(instance.steps)
        while instance.status == "RUNNING" and not (isinstance(instance.waits_for, Wait) and not instance.events):
            outcome = instance.held_result or self._outcome(instance)
            if instance.status != "RUNNING":
                instance.held_result = outcome
                return
            instance.held_result = None
            try:
                instance.waits_for = instance.steps.send(outcome)
            except StopIteration as end:
                instance.status, instance.result = "COMPLETED", copied(end.value)

    def time_out(self, order_id: str = "123") -> None:
        """Let the wait of the workflow time out, and run it as far as possible."""
        instance = self.instances[order_id]
        assert isinstance(instance.waits_for, Wait)
        assert instance.waits_for.until is not None, "it waits for ever"
        instance.waits_for = instance.steps.throw(TimeoutError())
        self.run(order_id)

    def _outcome(self, instance: Instance) -> Any:
        waits_for = instance.waits_for
        if isinstance(waits_for, Call):
            self.called.append(waits_for.activity)
            activity = self._activities[waits_for.activity]
            with tracing.span(f"activity: {waits_for.activity}", parent=instance.traceparent):
                return copied(asyncio.run(activity(None, waits_for.content)))  # type: ignore[arg-type]
        assert isinstance(waits_for, Wait)
        assert waits_for.event == DECISION_EVENT
        return instance.events.pop(0)

    def _set_status(self, order_id: str, status: str) -> None:
        instance = self._known(order_id)
        instance.status = instance.status if self.ignores_commands else status
        if self.loses_answers:
            raise Unavailable("no answer from the engine")

    def _known(self, order_id: str) -> Instance:
        self._require_up()
        if order_id not in self.instances:
            raise NotFound("The workflow engine does not know this order")
        return self.instances[order_id]

    def _require_up(self) -> None:
        if self.is_down:
            raise Unavailable("the engine is down")


def copied(content: Any) -> Any:
    """Return the content as it is after a transfer as JSON."""
    return json.loads(json.dumps(content))
