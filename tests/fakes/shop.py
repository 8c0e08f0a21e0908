"""A whole shop in one process: all five roles, connected by a fake sidecar and a fake engine."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fakes.engine import FakeEngine
from fakes.executors import InlineExecutor
from fakes.sidecar import FakeSidecar
from pizzashop.auth.authentication import Authenticator
from pizzashop.domain.history import utc_now, utc_timestamp
from pizzashop.roles import ORDER, WORKFLOW, Role
from pizzashop.server.app import create_app
from pizzashop.settings import Settings
from pizzashop.steps.runner import StepLimit
from pizzashop.workflow.activities import Activities, ContentCache
from pizzashop.workflow.capacity import RunningActivities, StartQueue
from pizzashop.workflow.commands import OrderCommands
from pizzashop.workflow.purger import WorkflowPurger
from pizzashop.workflow.reconciler import Reconciler, Watchdog

Post = Callable[..., TestResponse]

# The sample order of the contract.
ORDER_123 = {
    "order_id": "123",
    "pizza_type": "pepperoni",
    "size": "large",
    "customer": {"name": "John Doe", "address": "123 Main St", "phone": "555-0123"},
}


class _Apps(dict[Role, Flask]):
    """The application of each role, made when it is first used: most tests need one or two."""

    def __init__(self, make: Callable[[Role], Flask]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, role: Role) -> Flask:
        return self.setdefault(role, self._make(role))


class FakeShop:
    """The shop at pace 0 with these settings; `clock_offset` is how far its clock is ahead."""

    def __init__(self, authenticator: Authenticator | None = None, **settings: Any) -> None:
        self.settings = Settings(**{"pace": 0, **settings})
        self.authenticator = authenticator or Authenticator()
        self.sidecar = FakeSidecar(self.authenticator.app_token)
        self.contents, self.running = ContentCache(self.sidecar), RunningActivities()
        self.starts = StartQueue(InlineExecutor(), max_waiting=8)
        self.engine = FakeEngine(Activities(self.sidecar, self.settings.pace, self.contents))
        self.limit = StepLimit(8)
        self.clock_offset = timedelta()
        self.sidecar.apps = _Apps(self._app)

    def _app(self, role: Role) -> Flask:
        own = {"commands": self.make_commands()} if role is WORKFLOW else {}
        return create_app(
            role,
            self.settings,
            self.sidecar,
            self.limit,
            self.authenticator,
            clock=lambda: utc_now() + self.clock_offset,
            **own,
        )

    def run_housekeeping(self, *, days: float = 0) -> None:
        """Run one round of housekeeping with the clock so many days ahead."""
        self.clock_offset = timedelta(days=days)
        WorkflowPurger(self.sidecar, self.engine, self.limit.stopping).run_once()  # type: ignore[arg-type]

    def reconcile(self) -> None:
        """Run one round of the reconciler."""
        self.make_reconciler().run_once()

    def make_reconciler(self, watchdog: Watchdog | None = None) -> Reconciler:
        """Make a reconciler, which keeps its state over several rounds."""
        watchdog = watchdog or Watchdog()
        return Reconciler(self.sidecar, self.make_commands(), self.running, watchdog, self.limit.stopping)

    def make_commands(self) -> OrderCommands:
        """Make the commands with the present settings."""
        return OrderCommands(self.sidecar, self.engine, self.settings, self.contents, self.starts)  # type: ignore[arg-type]

    def client(self, role: Role) -> FlaskClient:
        return self.sidecar.apps[role].test_client()

    def place(self, order_id: str = "123") -> None:
        """Start an order. From now on events are delivered as they are published."""
        self.sidecar.delivers_events = True
        answer = self.client(WORKFLOW).post("/start-order", json={**ORDER_123, "order_id": order_id})
        assert answer.status_code == 200

    def place_and_run(self, order_id: str = "123") -> None:
        """Start an order, and run its workflow until it waits for the manager."""
        self.place(order_id)
        self.engine.run(order_id)

    def decide(self, *, approved: bool, order_id: str = "123", **more: Any) -> None:
        """Decide on a pizza, and run the workflow as far as possible."""
        decision = {"order_id": order_id, "approved": approved, **more}
        assert self.client(WORKFLOW).post("/validate-pizza", json=decision).status_code == 200
        self.engine.run(order_id)

    def end(self, status: str) -> None:
        """End the sample order, as its workflow does."""
        self.sidecar.invoke(ORDER, "POST", "/order/123/end", {"status": status})

    def record(self, order_id: str = "123") -> dict[str, Any]:
        """Return the order as role `order` shows it."""
        shown = self.client(ORDER).get(f"/order/{order_id}").json
        assert isinstance(shown, dict)
        return shown

    def history(self, order_id: str = "123") -> list[str]:
        """Return the statuses in the history of the order."""
        return [entry["status"] for entry in self.record(order_id)["history"]]


def stage(status: str, **more: Any) -> dict[str, Any]:
    """Return an event of the topic: a stage of the sample order that began now."""
    return {**ORDER_123, "status": status, "attempt": 1, "at": utc_timestamp(), "run": "run-1", **more}
