"""A workflow engine in memory: it runs the real story against the real activities, when it is told to."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from pizzashop.errors import Conflict, NotFound, Unavailable
from pizzashop.workflow.activities import Activities
from pizzashop.workflow.pizza_workflow import DECISION_EVENT, Steps, pizza_workflow

NOON = datetime(2026, 11, 23, 12)


class Call(NamedTuple):
    """The story waits for an activity."""

    activity: str
    content: Any


class Wait(NamedTuple):
    """The story waits for an external event, until the engine's clock says so (None: without end)."""

    event: str
    until: datetime | None = None


class FakeContext:
    """What the story is given in place of the engine's context."""

    is_replaying = False
    current_utc_datetime = NOON

    def call_activity(self, activity: str, *, input: Any = None) -> Call:
        return Call(activity, copied(input))

    def wait_for_external_event(self, name: str, *, timeout: datetime | None = None) -> Wait:
        return Wait(name, timeout)


@dataclass
class Instance:
    """One workflow: where its story is, the events that it has not asked for yet, and an outcome that came while it was
    suspended."""

    story: Steps
    status: str = "PENDING"
    waits_for: Call | Wait | None = None
    events: list[Any] = field(default_factory=list)
    kept: Any = None
    result: Any = None


class FakeEngine:
    """The engine; `away` makes it unreachable, `answers_lost` lets it be told to pause and resume, and not answer that;
    `deaf` to that, it does not do it either."""

    def __init__(self, activities: Activities) -> None:
        self._activities = {activity.__name__: activity for activity in activities.all()}
        self.instances: dict[str, Instance] = {}
        self.called: list[str] = []
        self.scheduled: list[str] = []
        self.away = self.answers_lost = self.deaf = False
        self.stuck: set[str] = set()
        self.lost: set[str] = set()  # orders whose workflow waits for something that the engine has lost
        self.woken: list[str] = []
        self.too_large: set[str] = set()

    def schedule(self, order_id: str, plan: dict[str, Any]) -> None:
        self._must_be_there()
        if self.status(order_id) in ("PENDING", "RUNNING", "SUSPENDED"):
            return
        # As the real one: a workflow that has ended runs again if it is scheduled again.
        self.scheduled.append(order_id)
        self.lost.discard(order_id)
        self.instances[order_id] = Instance(pizza_workflow(FakeContext(), copied(plan)))  # type: ignore[arg-type]

    def status(self, order_id: str) -> str | None:
        self._must_be_there()
        return self.instances[order_id].status if order_id in self.instances else None

    def decide(self, order_id: str, decision: dict[str, Any]) -> None:
        self._must_be_there()
        self.raise_event(order_id, decision)

    def pause(self, order_id: str) -> None:
        self._steer(order_id, "SUSPENDED")

    def resume(self, order_id: str) -> None:
        self._steer(order_id, "RUNNING")

    def wake(self, order_id: str) -> None:
        self._known(order_id)
        self.woken.append(order_id)

    def terminate(self, order_id: str) -> None:
        self._must_be_there()
        if self.deaf:
            raise Unavailable("the engine has not acted on it yet")
        if self.status(order_id) == "STALLED":
            self.forget(order_id)
        elif order_id in self.instances:
            self.instances[order_id].status = "TERMINATED"

    def forget(self, order_id: str) -> None:
        self._must_be_there()
        self.instances.pop(order_id, None)

    def is_too_large(self, order_id: str) -> bool:
        return order_id in self.too_large

    def close(self) -> None:
        pass

    def raise_event(self, order_id: str, said: Any) -> None:
        """Raise `ValidationComplete`, as anyone can who reaches the engine."""
        if order_id in self.instances:
            self.instances[order_id].events.append(copied(said))

    def purge(self, order_id: str) -> None:
        """Forget a workflow that has ended."""
        self._must_be_there()
        if order_id in self.stuck:
            raise Unavailable("the engine is stuck on this one")
        if self.status(order_id) in ("PENDING", "RUNNING", "SUSPENDED"):
            raise Conflict("The order's workflow has not ended")
        self.instances.pop(order_id, None)

    def work(self, order_id: str = "123") -> None:
        """Run the order's workflow as far as it goes."""
        instance = self.instances[order_id]
        if order_id in self.lost:
            return
        if instance.status == "PENDING":
            instance.status, instance.waits_for = "RUNNING", next(instance.story)
        while instance.status == "RUNNING" and not (isinstance(instance.waits_for, Wait) and not instance.events):
            outcome = instance.kept or self._outcome(instance)
            if instance.status != "RUNNING":
                instance.kept = outcome
                return
            instance.kept = None
            try:
                instance.waits_for = instance.story.send(outcome)
            except StopIteration as end:
                instance.status, instance.result = "COMPLETED", copied(end.value)

    def time_out(self, order_id: str = "123") -> None:
        """Let the time run out that the order's workflow waits for, and go on as far as it goes."""
        instance = self.instances[order_id]
        assert isinstance(instance.waits_for, Wait)
        assert instance.waits_for.until is not None, "it waits without end"
        instance.waits_for = instance.story.throw(TimeoutError())
        self.work(order_id)

    def _outcome(self, instance: Instance) -> Any:
        waits_for = instance.waits_for
        if isinstance(waits_for, Call):
            self.called.append(waits_for.activity)
            activity = self._activities[waits_for.activity]
            return copied(asyncio.run(activity(None, waits_for.content)))  # type: ignore[arg-type]
        assert isinstance(waits_for, Wait)
        assert waits_for.event == DECISION_EVENT
        return instance.events.pop(0)

    def _steer(self, order_id: str, status: str) -> None:
        instance = self._known(order_id)
        instance.status = instance.status if self.deaf else status
        if self.answers_lost:
            raise Unavailable("no answer from the engine")

    def _known(self, order_id: str) -> Instance:
        self._must_be_there()
        if order_id not in self.instances:
            raise NotFound("The workflow engine does not know this order")
        return self.instances[order_id]

    def _must_be_there(self) -> None:
        if self.away:
            raise Unavailable("the engine is away")


def copied(content: Any) -> Any:
    """As it comes out where JSON carried it."""
    return json.loads(json.dumps(content))
