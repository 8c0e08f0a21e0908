"""No order is accepted while the records are behind the topic; a repeated event does not count as behind."""

from datetime import UTC, datetime, timedelta

from fakes.problems import assert_problem
from fakes.shop import ORDER_123, FakeShop, stage
from werkzeug.test import TestResponse

from pizzashop.roles import WORKFLOW


def start(shop: FakeShop, order_id: str) -> TestResponse:
    return shop.client(WORKFLOW).post("/start-order", json={**ORDER_123, "order_id": order_id})


def deliver_late_event(shop: FakeShop, order_id: str) -> None:
    at = (datetime.now(UTC) - timedelta(seconds=10)).isoformat()
    shop.sidecar.deliver(stage("validating", order_id=order_id, at=at))


def test_late_new_events_stop_new_orders(shop: FakeShop) -> None:
    shop.place("1")
    deliver_late_event(shop, "1")
    assert_problem(start(shop, "2"), 503)


def test_late_repeated_events_stop_no_orders(shop: FakeShop) -> None:
    shop.place_and_run("1")
    deliver_late_event(shop, "1")
    assert start(shop, "2").status_code == 200
