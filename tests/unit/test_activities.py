"""The activities: each may run twice, and tells the record first. The order's content does not travel through them."""

import asyncio
from typing import Any

import pytest
from fakes.shop import ORDER_123, FakeShop
from fakes.sidecar import FakeSidecar

from pizzashop.errors import Unavailable
from pizzashop.roles import ORDER, Role
from pizzashop.workflow.activities import Activities, Activity, ContentCache


@pytest.fixture
def placed(shop: FakeShop) -> FakeShop:
    """The sample order is started, and its workflow has not run yet."""
    shop.place()
    return shop


@pytest.fixture
def approved(shop: FakeShop) -> FakeShop:
    """The sample order is cooked and approved, and its delivery has not begun yet."""
    shop.place_and_run()
    shop.sidecar.invoke(ORDER, "POST", "/order/123/decide", {"order_id": "123", "approved": True})
    return shop


@pytest.fixture
def activities(shop: FakeShop) -> Activities:
    return make_activities(shop.sidecar)


def make_activities(sidecar: Any, **more: Any) -> Activities:
    return Activities(sidecar, 0, ContentCache(sidecar), **more)


def run(activity: Activity, content: dict[str, Any]) -> dict[str, Any]:
    return asyncio.run(activity(None, content))  # type: ignore[arg-type]


def order_ref(shop: FakeShop) -> dict[str, Any]:
    """The sample order as it travels through the engine."""
    uid = shop.sidecar.invoke(ORDER, "GET", "/order/123/summary")["uid"]
    return {"order_id": "123", "uid": uid, "attempt": 1}


class TestEnds:
    """Whatever an activity was to write, it returns the end that the record has."""

    def test_a_delivered_pizza_is_delivered_in_the_record_too(self, approved: FakeShop, activities: Activities) -> None:
        answer = run(activities.deliver_pizza, order_ref(approved))
        assert answer == {**ORDER_123, "status": "delivered", "attempt": 1}
        assert approved.record()["status"] == "delivered"

    @pytest.mark.parametrize("status", ["cancelled", "failed"])
    def test_an_order_that_has_ended_meanwhile_is_not_delivered(
        self, approved: FakeShop, activities: Activities, status: str
    ) -> None:
        def end_at_delivery(event: dict[str, Any]) -> None:
            if event["status"] == "delivered":
                approved.end(status)

        approved.sidecar.on_publish = end_at_delivery
        answer = run(activities.deliver_pizza, order_ref(approved))
        assert answer == {"status": status, "error": f"the order is {status}"}
        assert approved.record()["status"] == status

    def test_a_failure_after_the_delivery_does_not_count(self, approved: FakeShop, activities: Activities) -> None:
        order = order_ref(approved)
        run(activities.deliver_pizza, order)
        result = run(activities.end_order, {"order": order, "error": "Delivery failed"})
        assert result == {"order_id": "123", "status": "completed", "final_status": "delivered"}
        assert approved.record()["status"] == "delivered"

    @pytest.mark.parametrize(("end", "error"), [(None, "no oven"), ("cancelled", "cancelled")])
    def test_the_result_of_a_failed_order_is_the_end_in_the_record(
        self, approved: FakeShop, activities: Activities, end: str | None, error: str
    ) -> None:
        order = order_ref(approved)
        if end is not None:
            approved.end(end)
        result = run(activities.end_order, {"order": order, "error": "no oven"})
        assert result == {"order_id": "123", "status": "failed", "error": error}
        assert approved.record()["status"] == (end or "failed")


class Room:
    """A sidecar whose role runs each step until a test ends it."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.may_end = asyncio.Event()

    async def ainvoke(self, _: Role, path: str, content: dict[str, Any], __: float) -> dict[str, Any]:
        if path.endswith("/content"):
            return {**ORDER_123, "order_id": path.split("/")[2]}
        self.begun.append(content["order_id"])
        await self.may_end.wait()
        return {**content, "status": "confirmed"}


def test_steps_for_which_a_role_has_no_room_wait_in_their_order() -> None:
    async def scenario() -> None:
        room = Room()
        activities = make_activities(room, max_steps=2)
        orders = [{"order_id": str(number), "uid": "u", "attempt": 1} for number in range(5)]
        steps = [asyncio.create_task(activities.order_pizza(None, order)) for order in orders]  # type: ignore[arg-type]
        # A cook is another role, with room of its own.
        steps.append(asyncio.create_task(activities.cook_pizza(None, {**orders[0], "order_id": "cook"})))  # type: ignore[arg-type]
        for _ in range(50):
            await asyncio.sleep(0)
        assert sorted(room.begun) == ["0", "1", "cook"]
        room.may_end.set()
        await asyncio.gather(*steps)
        assert [each for each in room.begun if each != "cook"] == ["0", "1", "2", "3", "4"]

    asyncio.run(scenario())


class TestValidation:
    """A pizza is put before the manager: first in the record, then on the topic."""

    @pytest.fixture
    def cooked(self, placed: FakeShop, activities: Activities) -> FakeShop:
        run(activities.order_pizza, order_ref(placed))
        run(activities.cook_pizza, order_ref(placed))
        placed.sidecar.published.clear()
        placed.sidecar.delivers_events = False
        return placed

    def test_the_record_knows_it_without_the_event(self, cooked: FakeShop, activities: Activities) -> None:
        assert run(activities.validate_pizza, order_ref(cooked)) == {"status": "pending_validation"}
        assert cooked.record()["status"] == "pending_validation"
        (event,) = cooked.sidecar.published
        recorded = cooked.record()["history"][-1]
        assert event == {**ORDER_123, **order_ref(cooked), **event, "status": "pending_validation"}
        assert (event["run"], event["at"]) == ("validate-1", recorded["at"])

    def test_repeated_after_a_crash_it_publishes_the_same_event(self, cooked: FakeShop, activities: Activities) -> None:
        run(activities.validate_pizza, order_ref(cooked))
        before = cooked.record()
        run(activities.validate_pizza, order_ref(cooked))
        first, second = cooked.sidecar.published
        assert first == second
        assert cooked.record()["history"] == before["history"]

    def test_a_cancelled_order_is_not_put_before_the_manager(self, cooked: FakeShop, activities: Activities) -> None:
        order = order_ref(cooked)
        cooked.end("cancelled")
        result = run(activities.validate_pizza, order)
        assert result == {"status": "refused", "error": "Order 123 is closed: the order is cancelled"}
        assert cooked.sidecar.published == []

    def test_the_key_for_clients_of_the_workshop_is_there_before_the_record_says_so(self, cooked: FakeShop) -> None:
        calls = CallsWithKeys(cooked.sidecar)
        run(make_activities(calls).validate_pizza, order_ref(cooked))
        (keys,) = [keys for path, keys in calls.seen if path == "/claims"]
        assert "validation_123" in keys


class CallsWithKeys:
    """A sidecar that notes which keys are in the store at each call of another role."""

    def __init__(self, sidecar: FakeSidecar) -> None:
        self._sidecar = sidecar
        self.aput, self.apublish = sidecar.aput, sidecar.apublish
        self.seen: list[tuple[str, set[str]]] = []

    async def ainvoke(self, role: Role, path: str, content: Any, seconds: float) -> Any:
        self.seen.append((path, self._sidecar.stored_keys()))
        return await self._sidecar.ainvoke(role, path, content, seconds)


class TestWhatTravels:
    """An order's id and the results travel through the engine; its content is read from its record."""

    def test_the_role_gets_the_whole_order(self, placed: FakeShop, activities: Activities) -> None:
        assert run(activities.order_pizza, order_ref(placed)) == {"status": "confirmed"}
        assert all(ORDER_123.items() <= event.items() for event in placed.sidecar.published)
        assert len(placed.sidecar.published) == 3

    def test_fields_that_a_role_adds_travel_along(self, placed: FakeShop) -> None:
        """Somebody's own kitchen may answer more than it was sent."""
        order = order_ref(placed)
        sidecar = Answering({**ORDER_123, "status": "cooked", "oven": 3, "attempt": 1, "size": "huge"})
        answer = run(make_activities(sidecar).cook_pizza, {**order, "more": {"driver": "ana"}})
        assert answer == {"status": "cooked", "more": {"driver": "ana", "oven": 3, "size": "huge"}}
        assert sidecar.sent[-1] == {**ORDER_123, **order, "driver": "ana"}

    def test_a_deleted_order_is_refused(self, placed: FakeShop, activities: Activities) -> None:
        order = order_ref(placed)
        placed.end("failed")
        assert placed.client(ORDER).delete("/order/123").status_code == 200
        assert run(activities.cook_pizza, order) == {"status": "refused", "error": "Order not found"}

    def test_in_version_1_the_whole_order_travels(self, placed: FakeShop, activities: Activities) -> None:
        order = {**ORDER_123, **order_ref(placed), "history": [{"status": "accepted", "at": "2026-01-01T00:00:00Z"}]}
        order = run(activities.order_pizza, order)
        order = run(activities.cook_pizza, order)
        order = run(activities.validate_pizza, order)
        assert {**ORDER_123, **order_ref(placed), "status": "pending_validation"}.items() <= order.items()
        placed.sidecar.invoke(ORDER, "POST", "/order/123/decide", {"order_id": "123", "approved": True})
        assert run(activities.deliver_pizza, order)["status"] == "delivered"
        assert [path for _, path in placed.sidecar.invoked if path.endswith("/content")] == []


class Answering:
    """A sidecar behind which role `order` has the sample order, and every other role answers the same."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answer = answer
        self.sent: list[dict[str, Any]] = []

    async def ainvoke(self, role: Role, path: str, content: dict[str, Any], seconds: float) -> dict[str, Any]:
        assert path
        assert seconds
        self.sent.append(content)
        return ORDER_123 if role is ORDER else self._answer


class Counting:
    """A sidecar that counts heartbeats. The first one is lost, and the third one sets `is_enough`."""

    def __init__(self) -> None:
        self.heartbeats: list[tuple[str, Any]] = []
        self.is_enough = asyncio.Event()

    async def ainvoke(self, role: Role, path: str, content: Any, _: float) -> None:
        assert role is ORDER
        self.heartbeats.append((path, content))
        if len(self.heartbeats) == 1:
            raise Unavailable("lost")
        if len(self.heartbeats) == 3:
            self.is_enough.set()


ORDER_REF = {"order_id": "123", "uid": "uid-1", "attempt": 1}


class TestHeartbeat:
    def test_a_long_activity_reports_that_it_runs_and_stops_at_its_end(self) -> None:
        async def work() -> list[tuple[str, Any]]:
            sidecar = Counting()
            async with make_activities(sidecar, heartbeat_seconds=0.001).heartbeat(ORDER_REF):
                await sidecar.is_enough.wait()
            assert len(asyncio.all_tasks()) == 1, "nothing goes on"
            return sidecar.heartbeats

        assert asyncio.run(work())[:3] == [("/order/123/heartbeat", {"uid": "uid-1"})] * 3

    def test_a_short_activity_sends_no_heartbeat(self) -> None:
        async def work() -> list[tuple[str, Any]]:
            sidecar = Counting()
            async with make_activities(sidecar).heartbeat(ORDER_REF):
                await asyncio.sleep(0)
            return sidecar.heartbeats

        assert asyncio.run(work()) == []
