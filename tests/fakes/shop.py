"""All five roles in one process, wired to one another by a fake sidecar and a fake engine."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fakes.engine import FakeEngine
from fakes.sidecar import FakeSidecar
from pizzashop.auth.authentication import Authenticator
from pizzashop.domain.history import utc_timestamp
from pizzashop.roles import ORDER, WORKFLOW, Role
from pizzashop.server.app import create_app
from pizzashop.settings import Settings
from pizzashop.steps.runner import ConcurrencyLimit
from pizzashop.web.dependencies import Dependencies, utc_now
from pizzashop.workflow.activities import Activities, ContentCache
from pizzashop.workflow.background import Housekeeping
from pizzashop.workflow.capacity import Capacity
from pizzashop.workflow.commands import OrderCommands
from pizzashop.workflow.reconciler import Reconciler, Watchdog

Post = Callable[..., TestResponse]

ORDER_123 = {
    "order_id": "123",
    "pizza_type": "pepperoni",
    "size": "large",
    "customer": {"name": "John Doe", "address": "123 Main St", "phone": "555-0123"},
}
"""The workshop's sample order."""


class _Apps(dict[Role, Flask]):
    """Each role's application, made when it is first asked for: most tests need one or two."""

    def __init__(self, make: Callable[[Role], Flask]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, role: Role) -> Flask:
        return self.setdefault(role, self._make(role))


class FakeShop:
    """The shop at pace 0; `settings` as the environment would have them."""

    def __init__(self, door: Authenticator | None = None, **settings: Any) -> None:
        self.settings = Settings(**{"pace": 0, **settings})
        self.door = door or Authenticator()
        self.sidecar = FakeSidecar(self.door.app_token)
        self.contents, self.in_hand = ContentCache(self.sidecar), Capacity(self.settings.threads)
        self.engine = FakeEngine(Activities(self.sidecar, self.settings.pace, self.contents))
        self.gate = ConcurrencyLimit(8)
        self.ahead = timedelta()
        self.sidecar.apps = _Apps(self._app)

    def _app(self, role: Role) -> Flask:
        dependencies = Dependencies(self.sidecar, self.gate, lambda: utc_now() + self.ahead)
        whole = {"engine": self.engine, "in_hand": self.in_hand, "contents": self.contents}
        own = whole if role is WORKFLOW else {}
        return create_app(role, self.settings, dependencies, self.door, **own)

    def keep_house(self, *, days: float = 0) -> None:
        """One round of housekeeping, so many days after what has happened so far."""
        self.ahead = timedelta(days=days)
        Housekeeping(self.sidecar, self.engine, self.settings.retention).once()

    def sweep(self) -> None:
        """One round of the sweep."""
        self.sweeper().once()

    def sweeper(self, watchdog: Watchdog | None = None) -> Reconciler:
        """A sweep that can make several rounds."""
        return Reconciler(self.sidecar, OrderCommands(self.sidecar, self.engine, self.settings), self.in_hand, watchdog)

    def client(self, role: Role) -> FlaskClient:
        return self.sidecar.apps[role].test_client()

    def place(self, order_id: str = "123") -> None:
        """Start an order; its events reach its record as they are published."""
        self.sidecar.delivers_at_once = True
        answer = self.client(WORKFLOW).post("/start-order", json={**ORDER_123, "order_id": order_id})
        assert answer.status_code == 200

    def place_and_work(self, order_id: str = "123") -> None:
        """Start an order and go on until the manager is asked."""
        self.place(order_id)
        self.engine.work(order_id)

    def decide(self, *, approved: bool, order_id: str = "123", **more: Any) -> None:
        """Decide on a pizza, and go on as far as it goes."""
        said = {"order_id": order_id, "approved": approved, **more}
        assert self.client(WORKFLOW).post("/validate-pizza", json=said).status_code == 200
        self.engine.work(order_id)

    def end(self, status: str) -> None:
        """Write the order's end to its record, as its workflow would."""
        self.sidecar.invoke(ORDER, "POST", "/order/123/end", {"status": status})

    def record(self, order_id: str = "123") -> dict[str, Any]:
        """The order as role `order` shows it."""
        shown = self.client(ORDER).get(f"/order/{order_id}").json
        assert isinstance(shown, dict)
        return shown

    def history(self, order_id: str = "123") -> list[str]:
        """The statuses in the order's history."""
        return [entry["status"] for entry in self.record(order_id)["history"]]


def stage(status: str, **more: Any) -> dict[str, Any]:
    """An event of the topic: a stage of the sample order that began just now."""
    return {**ORDER_123, "status": status, "attempt": 1, "at": utc_timestamp(), "run": "run-1", **more}
