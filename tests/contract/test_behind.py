"""While the records are behind the topic no order is accepted; what is only told again is no sign of it."""

from datetime import UTC, datetime, timedelta

from fakes.problems import assert_problem
from fakes.shop import ORDER_123, FakeShop, stage
from werkzeug.test import TestResponse

from pizzashop.roles import WORKFLOW


def start(shop: FakeShop, order_id: str) -> TestResponse:
    return shop.client(WORKFLOW).post("/start-order", json={**ORDER_123, "order_id": order_id})


def hear_late(shop: FakeShop, order_id: str) -> None:
    at = (datetime.now(UTC) - timedelta(seconds=10)).isoformat()
    shop.sidecar.deliver(stage("validating", order_id=order_id, at=at))


def test_news_that_come_late_keep_new_orders_out(shop: FakeShop) -> None:
    shop.place("1")
    hear_late(shop, "1")
    assert_problem(start(shop, "2"), 503)


def test_what_is_told_again_keeps_nobody_out(shop: FakeShop) -> None:
    shop.place_and_work("1")
    hear_late(shop, "1")
    assert start(shop, "2").status_code == 200
