"""`pizzashop demo`: invented orders at a steady rate, and an invented manager."""

from collections.abc import Callable
from random import Random

import pytest
from command_processes import RunCommand
from fake_shop import FakeShop, problem

from pizzashop.console.demo import invent_order
from pizzashop.domain.ids import DEMO_PREFIX
from pizzashop.domain.requests import NewOrder
from pizzashop.presentation.menu import MENU

LONG_AGO = "2026-11-23T12:00:00.000000Z"


def waiting_order(order_id: str, **more: object) -> dict[str, object]:
    history = [{"kind": "stage", "status": "pending_validation", "attempt": 1, "at": LONG_AGO}]
    return {"order_id": order_id, "status": "pending_validation", "attempt": 1, "history": history, **more}


@pytest.fixture
def demo(shop: FakeShop, run: RunCommand) -> Callable[..., str]:
    """Run the demo for a moment, and return its output."""

    def demo(*options: str) -> str:
        result = run("demo", "--for", "0.2s", *options)
        assert result.exit_code == 0, result.output
        assert shop.requests
        return result.stdout

    return demo


def test_it_places_orders_until_the_time_is_over(shop: FakeShop, demo: Callable[..., str]) -> None:
    output = demo("--rate", "6000", "--no-approve")
    placed = [body for path, body in shop.requests if path == "/start-order"]
    assert len(placed) > 1
    assert {path for path, _ in shop.requests} == {"/start-order"}
    assert all(body["order_id"].startswith(DEMO_PREFIX) and body["order_id"] in output for body in placed)
    assert f"{len(placed)} placed, 0 approved, 0 sent back." in output


def test_its_manager_decides_on_invented_orders_only(shop: FakeShop, demo: Callable[..., str]) -> None:
    orders = [waiting_order("demo-1"), waiting_order("real-1"), waiting_order("demo-2", paused=True)]
    shop.answers["/orders"] = {"orders": orders}
    shop.answers["/validate-pizza"] = {"order_id": "demo-1", "validation_status": "approved"}
    demo()
    decisions = [body for path, body in shop.requests if path == "/validate-pizza"]
    assert {(body["order_id"], body["attempt"], body["by"]) for body in decisions} == {("demo-1", 1, "the demo")}


def test_it_goes_on_when_somebody_else_decided_first(shop: FakeShop, demo: Callable[..., str]) -> None:
    shop.answers["/orders"] = {"orders": [waiting_order("demo-1")]}
    shop.answers["/validate-pizza"] = problem(409, "Attempt 1 was rejected already")
    assert "0 approved, 0 sent back" in demo()


@pytest.mark.parametrize("wrong", ["", "x", "5w", "-1"])
def test_it_refuses_a_text_that_is_not_a_duration(run: RunCommand, wrong: str) -> None:
    assert run("demo", "--for", wrong).exit_code == 2


def test_its_orders_are_valid_and_from_the_menu() -> None:
    random = Random(1)
    orders = [invent_order(random) for _ in range(200)]
    assert {order["pizza_type"] for order in orders} == {pizza.key for pizza in MENU}
    assert len({order["order_id"] for order in orders}) == 200
    assert all(NewOrder.parse(order) for order in orders)
