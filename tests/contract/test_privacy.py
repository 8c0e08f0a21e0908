"""A customer's name, address and phone are in no log line, at any log level, and in no address."""

import logging
import re

import pytest
from fakes.shop import ORDER_123, FakeShop

from pizzashop.dapr.http import Reply
from pizzashop.dapr.replies import read_answer
from pizzashop.errors import Unavailable
from pizzashop.roles import ORDER, STOREFRONT, WORKFLOW

PRIVATE = ("John", "Doe", "Main St", "555-0123")


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


def lines_with_private_data(log: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in log.text.splitlines() for word in PRIVATE if word in line]


def test_a_delivered_order_leaves_no_private_data_in_the_log(shop: FakeShop, log: pytest.LogCaptureFixture) -> None:
    shop.place_and_run()
    shop.decide(approved=False, remake=True, note="John Doe called")
    shop.decide(approved=True)
    shop.client(STOREFRONT).post("/manager/orders", data={"text": "John Doe"})
    shop.client(ORDER).get("/orders")
    assert "cooking_baking" in log.text
    assert lines_with_private_data(log) == []


def test_errors_leave_no_private_data_in_the_log(shop: FakeShop, log: pytest.LogCaptureFixture) -> None:
    shop.place()
    for content in ({**ORDER_123, "size": 7}, {**ORDER_123, "customer": {"name": 7, "address": "123 Main St"}}):
        shop.client(WORKFLOW).post("/start-order", json=content)
    for data in ({**ORDER_123, "status": 7}, {**ORDER_123, "status": "cooked", "attempt": "John"}, "John Doe"):
        shop.client(ORDER).post("/orders-sub", json={"data": data})
    shop.sidecar.is_down = True
    shop.client(WORKFLOW).post("/start-order", json=ORDER_123)
    assert "event kept as dead letter" in log.text
    assert "unavailable" in log.text
    assert lines_with_private_data(log) == []


def test_an_incomplete_reply_is_not_quoted_in_its_error() -> None:
    with pytest.raises(Unavailable, match="half an answer") as error:
        read_answer(Reply(200, b'{"customer": {"name": "John Doe", "address"'))
    assert "John" not in str(error.value)


def test_a_searched_name_is_in_no_address(shop: FakeShop) -> None:
    shop.place()
    page = shop.client(STOREFRONT).post("/manager/orders", data={"text": "John"}).text
    links = re.findall(r'(?:href|action)="([^"]*)"', page)
    assert [link for link in links if "John" in link] == []
