"""The activities that end an order: whatever they meant to write, they answer the end that the record has."""

import asyncio
from typing import Any

import pytest
from fakes.shop import ORDER_123, FakeShop

from pizzashop.roles import ORDER
from pizzashop.workflow.activities import Activities, Activity


@pytest.fixture
def approved(shop: FakeShop) -> FakeShop:
    """The sample order is approved, and not under way yet."""
    shop.place_and_work()
    shop.sidecar.invoke(ORDER, "POST", "/order/123/decide", {"order_id": "123", "approved": True})
    return shop


@pytest.fixture
def activities(shop: FakeShop) -> Activities:
    return Activities(shop.sidecar, 0)


def do(activity: Activity, content: dict[str, Any]) -> dict[str, Any]:
    return asyncio.run(activity(None, content))  # type: ignore[arg-type]


def end(shop: FakeShop, status: str) -> None:
    shop.sidecar.invoke(ORDER, "POST", "/order/123/end", {"status": status})


def order(shop: FakeShop) -> dict[str, Any]:
    uid = shop.sidecar.invoke(ORDER, "GET", "/order/123/summary")["uid"]
    return {**ORDER_123, "attempt": 1, "uid": uid}


def test_a_pizza_is_delivered_where_the_record_says_so(approved: FakeShop, activities: Activities) -> None:
    assert do(activities.deliver_pizza, order(approved)) == {**ORDER_123, "status": "delivered", "attempt": 1}
    assert approved.record()["status"] == "delivered"


@pytest.mark.parametrize("status", ["cancelled", "failed"])
def test_not_where_the_order_has_another_end_by_then(approved: FakeShop, activities: Activities, status: str) -> None:
    def end_as_it_arrives(event: dict[str, Any]) -> None:
        if event["status"] == "delivered":
            end(approved, status)

    approved.sidecar.on_publish = end_as_it_arrives
    answer = do(activities.deliver_pizza, order(approved))
    assert answer == {"status": status, "error": f"the order is {status}"}
    assert approved.record()["status"] == status


def test_a_failure_after_the_delivery_was_written_does_not_count(approved: FakeShop, activities: Activities) -> None:
    do(activities.deliver_pizza, order(approved))
    result = do(activities.end_order, {"order": order(approved), "error": "Delivery failed"})
    assert result == {"order_id": "123", "status": "completed", "final_status": "delivered"}
    assert approved.record()["status"] == "delivered"


@pytest.mark.parametrize(("stands", "error"), [(None, "no oven"), ("cancelled", "cancelled")])
def test_a_failure_is_told_by_the_end_that_stands(
    approved: FakeShop, activities: Activities, stands: str | None, error: str
) -> None:
    if stands is not None:
        end(approved, stands)
    result = do(activities.end_order, {"order": order(approved), "error": "no oven"})
    assert result == {"order_id": "123", "status": "failed", "error": error}
    assert approved.record()["status"] == (stands or "failed")
