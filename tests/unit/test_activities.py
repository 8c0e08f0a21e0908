"""The activities that end an order: whatever they meant to write, they answer the end that the record has."""

import asyncio
from typing import Any

import pytest
from fakes.shop import ORDER_123, FakeShop

from pizzashop.roles import ORDER, Role
from pizzashop.workflow.activities import Activities, Activity


@pytest.fixture
def approved(shop: FakeShop) -> FakeShop:
    """The sample order is approved, and not under way yet."""
    shop.place_and_run()
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


class TestWhatTravels:
    """Which order it is goes through the engine, and what becomes of it; what the order says comes from its record."""

    @pytest.fixture
    def placed(self, shop: FakeShop) -> dict[str, Any]:
        shop.place()
        return {name: value for name, value in order(shop).items() if name in ("order_id", "uid", "attempt")}

    def test_the_role_gets_the_whole_order(
        self, shop: FakeShop, activities: Activities, placed: dict[str, Any]
    ) -> None:
        assert do(activities.order_pizza, placed) == {"status": "confirmed"}
        assert all(ORDER_123.items() <= event.items() for event in shop.sidecar.published)
        assert len(shop.sidecar.published) == 3

    def test_so_does_the_topic(self, shop: FakeShop, activities: Activities, placed: dict[str, Any]) -> None:
        do(activities.order_pizza, placed)
        do(activities.cook_pizza, placed)
        became = do(activities.validate_pizza, placed)
        assert became.keys() == {"status", "history"}
        assert ORDER_123.items() <= shop.sidecar.published[-1].items()

    def test_what_a_role_adds_to_the_order_goes_along(self, placed: dict[str, Any]) -> None:
        """A kitchen of somebody's own may say more than it was told."""
        sidecar = Answering({**ORDER_123, "status": "cooked", "oven": 3, "attempt": 1, "size": "huge"})
        answer = do(Activities(sidecar, 0).cook_pizza, {**placed, "more": {"driver": "ana"}})  # type: ignore[arg-type]
        assert answer == {"status": "cooked", "more": {"driver": "ana", "oven": 3, "size": "huge"}}
        assert sidecar.sent[-1] == {**ORDER_123, **placed, "driver": "ana"}

    def test_a_deleted_order_is_refused(self, shop: FakeShop, activities: Activities, placed: dict[str, Any]) -> None:
        end(shop, "failed")
        assert shop.client(ORDER).delete("/order/123").status_code == 200
        assert do(activities.cook_pizza, placed) == {"status": "refused", "error": "Order not found"}

    def test_a_workflow_of_version_1_gets_the_whole_order_back(
        self, shop: FakeShop, activities: Activities, placed: dict[str, Any]
    ) -> None:
        answer = do(activities.order_pizza, {**ORDER_123, **placed})
        assert {**ORDER_123, **placed, "status": "confirmed"}.items() <= answer.items()
        assert [path for _, path in shop.sidecar.invoked if path.endswith("/content")] == []


class Answering:
    """A sidecar behind which a role answers so, and role `order` knows the sample order."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answer = answer
        self.sent: list[dict[str, Any]] = []

    async def ainvoke(self, role: Role, path: str, content: dict[str, Any], seconds: float) -> dict[str, Any]:
        assert path
        assert seconds
        self.sent.append(content)
        return ORDER_123 if role is ORDER else self._answer
