"""When an order is deleted and another takes its id, requests for the first do nothing to the second."""

from collections.abc import Callable

import pytest
from fakes.shop import ORDER_123, FakeShop, Post
from flask.testing import FlaskClient

from pizzashop.roles import ORDER


@pytest.fixture
def another(shop: FakeShop, order: FlaskClient, workflow: FlaskClient) -> Callable[[], None]:
    """Delete the order, which has ended, and start another of the same id."""

    def replace() -> None:
        assert order.delete("/order/123").status_code == 200
        assert workflow.post("/start-order", json=ORDER_123).status_code == 200
        shop.engine.run()

    return replace


def test_a_released_lease_does_nothing(shop: FakeShop, post: Post, another: Callable[[], None]) -> None:
    shop.place_and_run()
    uid = shop.sidecar.invoke(ORDER, "GET", "/order/123/summary")["uid"]
    post("/cancel-order")
    another()
    before = shop.record()
    claim = {"order_id": "123", "step": "deliver", "attempt": 1, "run": "old", "uid": uid, "release": True}
    shop.sidecar.invoke(ORDER, "POST", "/claims", {"claims": [claim]})
    assert shop.record() == before


def test_a_decision_does_nothing(shop: FakeShop, post: Post, another: Callable[[], None]) -> None:
    shop.place_and_run()
    decide = shop.engine.decide

    def delayed(order_id: str, decision: dict[str, object]) -> None:
        post("/cancel-order")
        another()
        decide(order_id, decision)

    shop.engine.decide = delayed  # type: ignore[method-assign]
    post("/validate-pizza", approved=True, by="an old click")
    shop.engine.run()
    assert shop.record()["status"] == "pending_validation"
    assert "approved" not in shop.history()


def test_a_cancellation_does_nothing(shop: FakeShop, post: Post, another: Callable[[], None]) -> None:
    shop.place_and_run()
    command = shop.sidecar.invoke

    def delayed(role: object, method: str, path: str, content: object = None) -> object:
        answer = command(role, method, path, content)  # type: ignore[arg-type]
        if path.endswith("/cancel"):
            shop.sidecar.invoke = command  # type: ignore[method-assign]
            post("/cancel-order")
            another()
        return answer

    shop.sidecar.invoke = delayed  # type: ignore[method-assign, assignment]
    post("/cancel-order")
    assert (shop.record()["status"], shop.engine.status("123")) == ("pending_validation", "RUNNING")


def test_the_housekeeping_does_nothing(shop: FakeShop, another: Callable[[], None]) -> None:
    shop.place_and_run()
    shop.decide(approved=True)
    purge = shop.engine.purge

    def delayed(order_id: str) -> None:
        shop.engine.purge = purge  # type: ignore[method-assign]
        another()
        purge(order_id)

    shop.engine.purge = delayed  # type: ignore[method-assign]
    shop.run_housekeeping(days=7.1)
    assert (shop.record()["status"], shop.engine.status("123")) == ("pending_validation", "RUNNING")
