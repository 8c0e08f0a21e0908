"""The workflow ends only its own order, and an order that is being cancelled ends as cancelled."""

from typing import Any

import pytest
from fakes.problems import assert_problem
from fakes.shop import FakeShop
from flask.testing import FlaskClient
from werkzeug.test import TestResponse


def summary(order: FlaskClient) -> dict[str, Any]:
    answer: dict[str, Any] = order.get("/order/123/summary").json  # type: ignore[assignment]
    return answer


def uid(order: FlaskClient) -> str:
    return str(summary(order)["uid"])


def end(order: FlaskClient, status: str, **more: Any) -> TestResponse:
    return order.post("/order/123/end", json={"status": status, **more})


@pytest.mark.parametrize("status", ["delivered", "failed", "cancelled"])
def test_the_workflow_of_an_earlier_order_with_the_id_ends_nothing(
    shop: FakeShop, order: FlaskClient, status: str
) -> None:
    shop.place()
    earlier = uid(order)
    end(order, "failed", uid=earlier)
    order.delete("/order/123")
    shop.place()
    before = shop.record()
    assert_problem(end(order, status, uid=earlier), 404)
    assert shop.record() == before
    assert end(order, status, uid=uid(order)).json["status"] == status


@pytest.mark.parametrize("status", ["delivered", "failed"])
def test_an_order_that_is_being_cancelled_can_only_end_as_cancelled(
    shop: FakeShop, order: FlaskClient, status: str
) -> None:
    shop.place()
    order.post("/order/123/cancel", json={"order_id": "123"})
    assert_problem(end(order, status, uid=uid(order)), 503)
    assert (summary(order)["status"], summary(order)["cancelling"]) == ("accepted", True)
    assert end(order, "cancelled", uid=uid(order)).json["status"] == "cancelled"
