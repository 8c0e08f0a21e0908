"""`pizzashop demo`: invented orders at a pace, and an invented manager."""

from collections.abc import Callable
from random import Random

import pytest
from conftest import Run
from fake_shop import FakeShop, problem

from pizzashop.console.demo import invent_order
from pizzashop.domain.ids import DEMO_PREFIX
from pizzashop.domain.requests import NewOrder
from pizzashop.presentation.menu import MENU

LONG_AGO = "2026-11-23T12:00:00.000000Z"


def waiting(order_id: str, **more: object) -> dict[str, object]:
    history = [{"kind": "stage", "status": "pending_validation", "attempt": 1, "at": LONG_AGO}]
    return {"order_id": order_id, "status": "pending_validation", "attempt": 1, "history": history, **more}


@pytest.fixture
def demo(shop: FakeShop, run: Run) -> Callable[..., str]:
    """Runs it until the shop has been asked for its orders once, or has taken one in."""

    def demo(*options: str) -> str:
        result = run("demo", "--for", "0.2s", *options)
        assert result.exit_code == 0, result.output
        assert shop.sent
        return result.stdout

    return demo


def test_it_places_orders_until_the_time_is_over(shop: FakeShop, demo: Callable[..., str]) -> None:
    said = demo("--rate", "6000", "--no-approve")
    placed = [body for path, body in shop.sent if path == "/start-order"]
    assert len(placed) > 1
    assert {path for path, _ in shop.sent} == {"/start-order"}
    assert all(body["order_id"].startswith(DEMO_PREFIX) and body["order_id"] in said for body in placed)
    assert f"{len(placed)} placed, 0 approved, 0 sent back." in said


def test_its_manager_decides_on_its_own_orders_alone(shop: FakeShop, demo: Callable[..., str]) -> None:
    shop.answers["/orders"] = {"orders": [waiting("demo-1"), waiting("real-1"), waiting("demo-2", paused=True)]}
    shop.answers["/validate-pizza"] = {"order_id": "demo-1", "validation_status": "approved"}
    demo()
    decided = [body for path, body in shop.sent if path == "/validate-pizza"]
    assert {(body["order_id"], body["attempt"], body["by"]) for body in decided} == {("demo-1", 1, "the demo")}


def test_somebody_else_may_be_quicker(shop: FakeShop, demo: Callable[..., str]) -> None:
    shop.answers["/orders"] = {"orders": [waiting("demo-1")]}
    shop.answers["/validate-pizza"] = problem(409, "Attempt 1 was rejected already")
    assert "0 approved, 0 sent back" in demo()


@pytest.mark.parametrize("wrong", ["", "x", "5d", "-1"])
def test_a_time_that_is_none(run: Run, wrong: str) -> None:
    assert run("demo", "--for", wrong).exit_code == 2


def test_what_it_invents_is_on_the_menu_and_can_be_placed() -> None:
    chance = Random(1)
    orders = [invent_order(chance) for _ in range(200)]
    assert {order["pizza_type"] for order in orders} == {pizza.key for pizza in MENU}
    assert len({order["order_id"] for order in orders}) == 200
    assert all(NewOrder.parse(order) for order in orders)
