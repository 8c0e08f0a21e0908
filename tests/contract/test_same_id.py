"""An order is deleted, and another takes its id: what was on its way to the first does nothing to the second."""

from collections.abc import Callable

import pytest
from fakes.shop import ORDER_123, FakeShop, Post
from flask.testing import FlaskClient

from pizzashop.roles import ORDER


@pytest.fixture
def another(shop: FakeShop, order: FlaskClient, workflow: FlaskClient) -> Callable[[], None]:
    """Delete the order, which has ended, and start another of the same id."""

    def replaced() -> None:
        assert order.delete("/order/123").status_code == 200
        assert workflow.post("/start-order", json=ORDER_123).status_code == 200
        shop.engine.work()

    return replaced


def test_a_step_that_is_given_back(shop: FakeShop, post: Post, another: Callable[[], None]) -> None:
    shop.place_and_work()
    uid = shop.sidecar.invoke(ORDER, "GET", "/order/123/summary")["uid"]
    post("/cancel-order")
    another()
    before = shop.record()
    history = [{"status": "delivery_arriving", "attempt": 1, "at": "2026-11-24T12:00:00Z"}]
    claim = {"step": "deliver", "attempt": 1, "run": "old", "uid": uid, "history": history, "release": True}
    shop.sidecar.invoke(ORDER, "POST", "/order/123/claim", claim)
    assert shop.record() == before


def test_a_decision(shop: FakeShop, post: Post, another: Callable[[], None]) -> None:
    shop.place_and_work()
    tell = shop.engine.decide

    def held_up(order_id: str, decision: dict[str, object]) -> None:
        post("/cancel-order")
        another()
        tell(order_id, decision)

    shop.engine.decide = held_up  # type: ignore[method-assign]
    post("/validate-pizza", approved=True, by="an old click")
    shop.engine.work()
    assert shop.record()["status"] == "pending_validation"
    assert "approved" not in shop.history()


def test_a_cancellation(shop: FakeShop, post: Post, another: Callable[[], None]) -> None:
    shop.place_and_work()
    command = shop.sidecar.invoke

    def held_up(role: object, method: str, path: str, content: object = None) -> object:
        answer = command(role, method, path, content)  # type: ignore[arg-type]
        if path.endswith("/cancel"):
            shop.sidecar.invoke = command  # type: ignore[method-assign]
            post("/cancel-order")
            another()
        return answer

    shop.sidecar.invoke = held_up  # type: ignore[method-assign, assignment]
    post("/cancel-order")
    assert (shop.record()["status"], shop.engine.status("123")) == ("pending_validation", "RUNNING")


def test_the_housekeeping(shop: FakeShop, another: Callable[[], None]) -> None:
    shop.place_and_work()
    shop.decide(approved=True)
    purge = shop.engine.purge

    def held_up(order_id: str) -> None:
        shop.engine.purge = purge  # type: ignore[method-assign]
        another()
        purge(order_id)

    shop.engine.purge = held_up  # type: ignore[method-assign]
    shop.keep_house(days=7.1)
    assert (shop.record()["status"], shop.engine.status("123")) == ("pending_validation", "RUNNING")
