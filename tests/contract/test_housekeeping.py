"""Ended orders are kept for a while, then everything of them is removed: workflow, record, and place in the index."""

from collections.abc import Callable

import pytest
from fakes.problems import assert_problem
from fakes.shop import ORDER_123, FakeShop
from fakes.sidecar import ProcessCrash
from flask.testing import FlaskClient

from pizzashop.errors import Unavailable
from pizzashop.order.index import PAGE_SIZE, OpenOrders
from pizzashop.roles import ORDER, WORKFLOW

STARTED = {"order_id": "123", "workflow_instance_id": "pizza-order-123", "status": "started"}


def deliver(shop: FakeShop, order_id: str = "123") -> None:
    shop.place_and_run(order_id)
    shop.decide(approved=True, order_id=order_id)


def keys_of(shop: FakeShop, order_id: str = "123") -> set[str]:
    """Return the keys that belong to one order."""
    return {key for key in shop.sidecar.stored_keys() if key in (f"order_{order_id}", f"validation_{order_id}")}


def create(shop: FakeShop, *order_ids: str) -> None:
    for order_id in order_ids:
        assert shop.client(ORDER).post("/order", json={**ORDER_123, "order_id": order_id}).status_code == 200


def listed(shop: FakeShop, query: str = "limit=200") -> list[str]:
    return [each["order_id"] for each in shop.client(ORDER).get(f"/orders?{query}").json["orders"]]


def clean_everything(shop: FakeShop, days: float = 15) -> None:
    """Run enough rounds of housekeeping to finish: purge, empty, erase, and the page twice."""
    for round_ in range(5):
        shop.run_housekeeping(days=days + round_ / 100)


class TestWorkflow:
    def test_a_workflow_is_kept_for_a_week(self, shop: FakeShop) -> None:
        deliver(shop)
        shop.run_housekeeping(days=6.9)
        assert shop.engine.status("123") == "COMPLETED"
        assert keys_of(shop) == {"order_123", "validation_123"}

    def test_after_a_week_the_engine_keeps_nothing_of_it(self, shop: FakeShop) -> None:
        deliver(shop)
        shop.run_housekeeping(days=7.1)
        assert shop.engine.instances == {}
        assert keys_of(shop) == {"order_123"}

    def test_a_setting_says_how_long(self) -> None:
        shop = FakeShop(retention="1h")
        deliver(shop)
        shop.run_housekeeping(days=0.9 / 24)
        assert shop.engine.instances
        shop.run_housekeeping(days=1.1 / 24)
        assert not shop.engine.instances

    def test_starting_a_purged_order_again_starts_nothing(self, shop: FakeShop, workflow: FlaskClient) -> None:
        deliver(shop)
        shop.run_housekeeping(days=7.1)
        before = shop.record()
        assert workflow.post("/start-order", json=ORDER_123).json == STARTED
        assert_problem(workflow.post("/start-order", json={**ORDER_123, "size": "small"}), 409)
        assert (shop.engine.scheduled, shop.record()) == (["123"], before)

    @pytest.mark.parametrize(
        ("end", "status"),
        [
            (lambda shop: shop.decide(approved=True), "COMPLETED"),
            (lambda shop: shop.decide(approved=False), "COMPLETED"),
            (lambda shop: shop.client(WORKFLOW).post("/cancel-order", json={"order_id": "123"}), "TERMINATED"),
        ],
    )
    def test_a_purged_workflow_still_has_its_status(
        self, shop: FakeShop, workflow: FlaskClient, end: Callable[[FakeShop], object], status: str
    ) -> None:
        shop.place_and_run()
        end(shop)
        assert workflow.get("/get-status/123").json == status
        shop.run_housekeeping(days=7.1)
        assert not shop.engine.instances
        assert workflow.get("/get-status/123").json == status

    def test_an_open_order_is_never_removed(self, shop: FakeShop) -> None:
        shop.place_and_run()
        clean_everything(shop, days=1000)
        assert shop.engine.status("123") == "RUNNING"
        shop.decide(approved=True)
        assert shop.record()["status"] == "delivered"

    def test_a_workflow_that_outlived_its_order_is_terminated_and_purged(self, shop: FakeShop) -> None:
        shop.place_and_run()
        shop.client(ORDER).post("/order/123/end", json={"status": "failed", "error": "no oven"})
        shop.run_housekeeping(days=8)
        assert shop.engine.status("123") == "TERMINATED"
        shop.run_housekeeping(days=8)
        assert shop.engine.status("123") is None

    def test_a_workflow_that_cannot_be_purged_does_not_stop_the_others(self, shop: FakeShop) -> None:
        for order_id in ("a", "b", "c"):
            deliver(shop, order_id)
        shop.engine.unpurgeable = {"b"}
        shop.run_housekeeping(days=30)
        assert set(shop.engine.instances) == {"b"}
        clean_everything(shop, days=60)
        assert listed(shop) == ["b"]


class TestRecord:
    def test_a_record_is_kept_for_another_week(self, shop: FakeShop) -> None:
        deliver(shop)
        shop.run_housekeeping(days=7.1)
        shop.run_housekeeping(days=13.9)
        assert shop.record()["status"] == "delivered"

    def test_after_two_weeks_nothing_of_the_order_is_left(self, shop: FakeShop, workflow: FlaskClient) -> None:
        deliver(shop)
        clean_everything(shop)
        assert keys_of(shop) == set()
        assert "John" not in shop.sidecar.stored_text()
        assert_problem(shop.client(ORDER).get("/order/123"), 404)
        assert_problem(workflow.get("/get-status/123"), 404)
        assert listed(shop) == []

    def test_the_id_can_be_used_again(self, shop: FakeShop, workflow: FlaskClient) -> None:
        deliver(shop)
        clean_everything(shop)
        shop.clock_offset *= 0
        assert workflow.post("/start-order", json={**ORDER_123, "size": "small"}).json == STARTED
        shop.engine.run()
        assert shop.record()["size"] == "small"
        assert listed(shop) == listed(shop, "status=open") == ["123"]
        shop.run_housekeeping(days=6)
        assert shop.record()["status"] == "pending_validation"

    def test_the_id_can_be_used_again_while_the_deleted_record_is_there(
        self, shop: FakeShop, workflow: FlaskClient
    ) -> None:
        deliver(shop)
        shop.run_housekeeping(days=7.1)
        shop.run_housekeeping(days=14.1)
        assert keys_of(shop) == {"order_123"}
        assert workflow.post("/start-order", json={**ORDER_123, "size": "small"}).json == STARTED
        clean_everything(shop, days=14.2)
        assert shop.record()["size"] == "small"
        assert listed(shop) == ["123"]

    def test_a_deleted_order_leaves_no_key_in_the_end(self, shop: FakeShop, order: FlaskClient) -> None:
        create(shop, "123")
        order.delete("/order/123")
        shop.run_housekeeping(days=13)
        assert keys_of(shop) == {"order_123"}
        clean_everything(shop)
        assert keys_of(shop) == set()

    def test_late_events_bring_nothing_back(self, shop: FakeShop) -> None:
        deliver(shop)
        events = list(shop.sidecar.published)
        shop.run_housekeeping(days=7.1)
        shop.run_housekeeping(days=14.1)
        shop.sidecar.deliver(*events)
        clean_everything(shop)
        shop.sidecar.deliver(*events)
        assert keys_of(shop) == set()


class TestIndex:
    def test_empty_pages_are_deleted(self, shop: FakeShop, order: FlaskClient) -> None:
        ids = [f"o{number}" for number in range(2 * PAGE_SIZE + 5)]
        create(shop, *ids)
        for order_id in ids[: 2 * PAGE_SIZE]:
            order.delete(f"/order/{order_id}")
        clean_everything(shop)
        left = {key for key in shop.sidecar.stored_keys() if key.startswith(("order_", "orders_"))}
        assert left == {"orders_2", "orders_last", "orders_kept", *(f"order_{each}" for each in ids[-5:])}
        assert listed(shop) == ids[:-6:-1]

    def test_an_open_order_keeps_its_page_and_no_other(self, shop: FakeShop, order: FlaskClient) -> None:
        ids = [f"o{number}" for number in range(3 * PAGE_SIZE + 1)]
        create(shop, *ids)
        open_ones = ["o7", f"o{3 * PAGE_SIZE}"]
        for order_id in ids:
            if order_id not in open_ones:
                order.delete(f"/order/{order_id}")
        clean_everything(shop)
        pages = {key for key in shop.sidecar.stored_keys() if key.startswith("orders_")}
        assert pages == {"orders_0", "orders_3", "orders_last", "orders_kept"}
        assert listed(shop) == listed(shop, "status=open") == open_ones[::-1]
        order.delete("/order/o7")
        clean_everything(shop, days=30)
        assert "orders_0" not in shop.sidecar.stored_keys()
        assert listed(shop) == open_ones[1:]

    def test_while_pages_are_deleted_the_list_has_each_order_once(self, shop: FakeShop, order: FlaskClient) -> None:
        ids = [f"o{number}" for number in range(3 * PAGE_SIZE)]
        create(shop, *ids)
        for order_id in ids[::2]:
            order.delete(f"/order/{order_id}")
        for order_id in ids[1 : 2 * PAGE_SIZE : 2]:
            order.delete(f"/order/{order_id}")
        expected = ids[: 2 * PAGE_SIZE : -1][::2]
        for days in (1, 8, 15, 15.1, 15.2, 15.3):
            shop.run_housekeeping(days=days)
            first = order.get("/orders?limit=20").json
            rest = order.get(f"/orders?limit=200&after={first['next']}").json
            assert [each["order_id"] for each in (*first["orders"], *rest["orders"])] == expected
            assert rest["next"] is None

    def test_new_orders_are_listed_after_pages_were_deleted(self, shop: FakeShop, order: FlaskClient) -> None:
        ids = [f"o{number}" for number in range(PAGE_SIZE)]
        create(shop, *ids, "kept")
        for order_id in ids:
            order.delete(f"/order/{order_id}")
        clean_everything(shop)
        create(shop, *ids)
        assert listed(shop) == [*ids[::-1], "kept"]

    def test_an_id_without_a_record_leaves_the_open_set(self, shop: FakeShop) -> None:
        create(shop, "123")
        open_orders = OpenOrders(shop.sidecar)
        open_orders.add("never")
        shop.run_housekeeping(days=0)
        assert sorted(open_orders.ids()) == ["123", "never"]
        shop.run_housekeeping(days=1)
        assert open_orders.ids() == ["123"]


class TestCrash:
    """When a process crashes in a round, the following rounds finish its work."""

    @pytest.mark.parametrize("writes", range(8))
    def test_a_crash_after_any_write_loses_nothing(self, shop: FakeShop, writes: int) -> None:
        for order_id in ("a", "b"):
            deliver(shop, order_id)
        shop.place_and_run("c")
        shop.sidecar.writes_before_crash = writes
        with pytest.raises(ProcessCrash):
            clean_everything(shop)
        shop.sidecar.writes_before_crash = None
        clean_everything(shop, days=30)
        assert set(shop.engine.instances) == {"c"}
        assert keys_of(shop, "a") == keys_of(shop, "b") == set()
        assert listed(shop) == listed(shop, "status=open") == ["c"]

    @pytest.mark.parametrize("writes", [0, 50, 99, 100, 101, 102])
    def test_a_crash_while_a_page_is_deleted_loses_nothing(
        self, shop: FakeShop, order: FlaskClient, writes: int
    ) -> None:
        ids = [f"o{number}" for number in range(PAGE_SIZE)]
        create(shop, *ids, "kept")
        for order_id in ids:
            order.delete(f"/order/{order_id}")
        shop.run_housekeeping(days=7.1)
        shop.sidecar.writes_before_crash = writes
        with pytest.raises(ProcessCrash):
            clean_everything(shop)
        shop.sidecar.writes_before_crash = None
        clean_everything(shop, days=30)
        assert {key for key in shop.sidecar.stored_keys() if key.startswith("orders_")} == {
            "orders_1",
            "orders_last",
            "orders_kept",
        }
        assert listed(shop) == ["kept"]

    @pytest.mark.parametrize("part", ["sidecar", "engine"])
    def test_an_outage_only_delays_the_housekeeping(self, shop: FakeShop, part: str) -> None:
        deliver(shop)
        getattr(shop, part).is_down = True
        if part == "sidecar":
            with pytest.raises(Unavailable):
                shop.run_housekeeping(days=8)
        else:
            shop.run_housekeeping(days=8)
        getattr(shop, part).is_down = False
        clean_everything(shop)
        assert keys_of(shop) == set()
        assert not shop.engine.instances

    def test_the_reconciler_starts_no_purged_workflow(self, shop: FakeShop) -> None:
        deliver(shop)
        shop.run_housekeeping(days=7.1)
        shop.reconcile()
        assert shop.engine.scheduled == ["123"]


class TestRoutes:
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/expired", {"after": -2}),
            ("/expired", {"after": "x"}),
            ("/expired", []),
            ("/purged", {}),
            ("/purged", {"orders": [{"order_id": "a/b", "uid": "1"}]}),
            ("/purged", {"orders": [{"order_id": "1"}]}),
        ],
    )
    def test_an_invalid_request_is_refused(self, order: FlaskClient, path: str, body: object) -> None:
        assert_problem(order.post(path, json=body), 400)

    def test_another_order_of_the_same_id_is_not_marked(self, shop: FakeShop, order: FlaskClient) -> None:
        deliver(shop)
        answer = order.post(
            "/purged", json={"orders": [{"order_id": "123", "uid": "x"}, {"order_id": "0", "uid": "x"}]}
        )
        assert answer.json == {"success": True}
        shop.run_housekeeping(days=15)
        assert not shop.engine.instances
