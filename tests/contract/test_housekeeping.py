"""What has ended is kept for a while, and then goes: its workflow, its record, and all that names it."""

from collections.abc import Callable

import pytest
from fakes.problems import assert_problem
from fakes.shop import ORDER_123, FakeShop
from fakes.sidecar import Died
from flask.testing import FlaskClient

from pizzashop.errors import Unavailable
from pizzashop.order.index import PAGE_SIZE
from pizzashop.roles import ORDER, WORKFLOW

STARTED = {"order_id": "123", "workflow_instance_id": "pizza-order-123", "status": "started"}


def deliver(shop: FakeShop, order_id: str = "123") -> None:
    shop.place_and_work(order_id)
    shop.decide(approved=True, order_id=order_id)


def every_key(shop: FakeShop) -> set[str]:
    return shop.sidecar.keys()


def about(shop: FakeShop, order_id: str = "123") -> set[str]:
    """The keys of the store that an order has of its own."""
    return {key for key in every_key(shop) if key in (f"order_{order_id}", f"validation_{order_id}")}


def create(shop: FakeShop, *order_ids: str) -> None:
    for order_id in order_ids:
        assert shop.client(ORDER).post("/order", json={**ORDER_123, "order_id": order_id}).status_code == 200


def listed(shop: FakeShop, query: str = "limit=200") -> list[str]:
    return [each["order_id"] for each in shop.client(ORDER).get(f"/orders?{query}").json["orders"]]


def to_the_end(shop: FakeShop, days: float = 15) -> None:
    """As many rounds as it takes until nothing is left to be done: purge, empty, erase, and the page twice."""
    for round_ in range(5):
        shop.keep_house(days=days + round_ / 100)


class TestWorkflow:
    def test_it_is_kept_for_a_week(self, shop: FakeShop) -> None:
        deliver(shop)
        shop.keep_house(days=6.9)
        assert shop.engine.status("123") == "COMPLETED"
        assert about(shop) == {"order_123", "validation_123"}

    def test_then_the_engine_keeps_nothing_of_it(self, shop: FakeShop) -> None:
        deliver(shop)
        shop.keep_house(days=7.1)
        assert shop.engine.instances == {}
        assert about(shop) == {"order_123"}

    def test_the_setting_says_how_long(self) -> None:
        shop = FakeShop(retention="1h")
        deliver(shop)
        shop.keep_house(days=0.9 / 24)
        assert shop.engine.instances
        shop.keep_house(days=1.1 / 24)
        assert not shop.engine.instances

    def test_a_start_that_is_repeated_then_starts_nothing(self, shop: FakeShop, workflow: FlaskClient) -> None:
        deliver(shop)
        shop.keep_house(days=7.1)
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
    def test_its_status_is_what_it_was(
        self, shop: FakeShop, workflow: FlaskClient, end: Callable[[FakeShop], object], status: str
    ) -> None:
        shop.place_and_work()
        end(shop)
        assert workflow.get("/get-status/123").json == status
        shop.keep_house(days=7.1)
        assert not shop.engine.instances
        assert workflow.get("/get-status/123").json == status

    def test_an_open_order_stays_for_ever(self, shop: FakeShop) -> None:
        shop.place_and_work()
        to_the_end(shop, days=1000)
        assert shop.engine.status("123") == "RUNNING"
        shop.decide(approved=True)
        assert shop.record()["status"] == "delivered"

    def test_one_that_outlived_its_order_is_ended_and_goes(self, shop: FakeShop) -> None:
        shop.place_and_work()
        shop.client(ORDER).post("/order/123/end", json={"status": "failed", "error": "no oven"})
        shop.keep_house(days=8)
        assert shop.engine.status("123") == "TERMINATED"
        shop.keep_house(days=8)
        assert shop.engine.status("123") is None

    def test_one_that_cannot_be_purged_does_not_keep_the_others(self, shop: FakeShop) -> None:
        for order_id in ("a", "b", "c"):
            deliver(shop, order_id)
        shop.engine.stuck = {"b"}
        shop.keep_house(days=30)
        assert set(shop.engine.instances) == {"b"}
        to_the_end(shop, days=60)
        assert listed(shop) == ["b"]


class TestRecord:
    def test_it_is_kept_for_another_week(self, shop: FakeShop) -> None:
        deliver(shop)
        shop.keep_house(days=7.1)
        shop.keep_house(days=13.9)
        assert shop.record()["status"] == "delivered"

    def test_then_nothing_of_the_order_is_left(self, shop: FakeShop, workflow: FlaskClient) -> None:
        deliver(shop)
        to_the_end(shop)
        assert about(shop) == set()
        assert "John" not in shop.sidecar.all_values()
        assert_problem(shop.client(ORDER).get("/order/123"), 404)
        assert_problem(workflow.get("/get-status/123"), 404)
        assert listed(shop) == []

    def test_its_id_is_free_again(self, shop: FakeShop, workflow: FlaskClient) -> None:
        deliver(shop)
        to_the_end(shop)
        shop.ahead *= 0
        assert workflow.post("/start-order", json={**ORDER_123, "size": "small"}).json == STARTED
        shop.engine.work()
        assert shop.record()["size"] == "small"
        assert listed(shop) == listed(shop, "status=open") == ["123"]
        shop.keep_house(days=6)
        assert shop.record()["status"] == "pending_validation"

    def test_taken_up_again_while_its_trace_is_there(self, shop: FakeShop, workflow: FlaskClient) -> None:
        deliver(shop)
        shop.keep_house(days=7.1)
        shop.keep_house(days=14.1)
        assert about(shop) == {"order_123"}
        assert workflow.post("/start-order", json={**ORDER_123, "size": "small"}).json == STARTED
        to_the_end(shop, days=14.2)
        assert shop.record()["size"] == "small"
        assert listed(shop) == ["123"]

    def test_a_deleted_one_leaves_no_trace_in_the_end(self, shop: FakeShop, order: FlaskClient) -> None:
        create(shop, "123")
        order.delete("/order/123")
        shop.keep_house(days=13)
        assert about(shop) == {"order_123"}
        to_the_end(shop)
        assert about(shop) == set()

    def test_late_events_bring_nothing_back(self, shop: FakeShop) -> None:
        deliver(shop)
        told = list(shop.sidecar.published)
        shop.keep_house(days=7.1)
        shop.keep_house(days=14.1)
        shop.sidecar.deliver(*told)
        to_the_end(shop)
        shop.sidecar.deliver(*told)
        assert about(shop) == set()


class TestIndex:
    def test_pages_go_when_nothing_stands_in_them(self, shop: FakeShop, order: FlaskClient) -> None:
        ids = [f"o{number}" for number in range(2 * PAGE_SIZE + 5)]
        create(shop, *ids)
        for order_id in ids[: 2 * PAGE_SIZE]:
            order.delete(f"/order/{order_id}")
        to_the_end(shop)
        left = {key for key in every_key(shop) if key.startswith(("order_", "orders_"))}
        assert left == {"orders_2", "orders_last", "orders_kept", *(f"order_{each}" for each in ids[-5:])}
        assert listed(shop) == ids[:-6:-1]

    def test_an_order_that_stays_open_keeps_its_page_and_stops_nobody(self, shop: FakeShop, order: FlaskClient) -> None:
        ids = [f"o{number}" for number in range(3 * PAGE_SIZE + 1)]
        create(shop, *ids)
        open_ones = ["o7", f"o{3 * PAGE_SIZE}"]
        for order_id in ids:
            if order_id not in open_ones:
                order.delete(f"/order/{order_id}")
        to_the_end(shop)
        pages = {key for key in every_key(shop) if key.startswith("orders_")}
        assert pages == {"orders_0", "orders_3", "orders_last", "orders_kept"}
        assert listed(shop) == listed(shop, "status=open") == open_ones[::-1]
        order.delete("/order/o7")
        to_the_end(shop, days=30)
        assert "orders_0" not in every_key(shop)
        assert listed(shop) == open_ones[1:]

    def test_while_pages_go_the_list_has_each_that_is_there_once(self, shop: FakeShop, order: FlaskClient) -> None:
        ids = [f"o{number}" for number in range(3 * PAGE_SIZE)]
        create(shop, *ids)
        for order_id in ids[::2]:
            order.delete(f"/order/{order_id}")
        for order_id in ids[1 : 2 * PAGE_SIZE : 2]:
            order.delete(f"/order/{order_id}")
        expected = ids[: 2 * PAGE_SIZE : -1][::2]
        for days in (1, 8, 15, 15.1, 15.2, 15.3):
            shop.keep_house(days=days)
            first = order.get("/orders?limit=20").json
            rest = order.get(f"/orders?limit=200&after={first['next']}").json
            assert [each["order_id"] for each in (*first["orders"], *rest["orders"])] == expected
            assert rest["next"] is None

    def test_new_orders_find_their_place_after_pages_went(self, shop: FakeShop, order: FlaskClient) -> None:
        ids = [f"o{number}" for number in range(PAGE_SIZE)]
        create(shop, *ids, "kept")
        for order_id in ids:
            order.delete(f"/order/{order_id}")
        to_the_end(shop)
        create(shop, *ids)
        assert listed(shop) == [*ids[::-1], "kept"]

    def test_what_was_never_accepted_leaves_the_open_ones(self, shop: FakeShop) -> None:
        create(shop, "123")
        shop.client(ORDER)
        records = shop.sidecar.apps[ORDER].extensions["records"]
        records.open.add("never")
        shop.keep_house(days=0)
        assert sorted(records.open.ids()) == ["123", "never"]
        shop.keep_house(days=1)
        assert records.open.ids() == ["123"]


class TestCrash:
    """Whatever dies in a round, the next ones do the rest."""

    @pytest.mark.parametrize("writes", range(8))
    def test_after_so_many_writes(self, shop: FakeShop, writes: int) -> None:
        for order_id in ("a", "b"):
            deliver(shop, order_id)
        shop.place_and_work("c")
        shop.sidecar.writes_left = writes
        with pytest.raises(Died):
            to_the_end(shop)
        shop.sidecar.writes_left = None
        to_the_end(shop, days=30)
        assert set(shop.engine.instances) == {"c"}
        assert about(shop, "a") == about(shop, "b") == set()
        assert listed(shop) == listed(shop, "status=open") == ["c"]

    @pytest.mark.parametrize("writes", [0, 50, 99, 100, 101, 102])
    def test_while_a_page_goes(self, shop: FakeShop, order: FlaskClient, writes: int) -> None:
        ids = [f"o{number}" for number in range(PAGE_SIZE)]
        create(shop, *ids, "kept")
        for order_id in ids:
            order.delete(f"/order/{order_id}")
        shop.keep_house(days=7.1)
        shop.sidecar.writes_left = writes
        with pytest.raises(Died):
            to_the_end(shop)
        shop.sidecar.writes_left = None
        to_the_end(shop, days=30)
        assert {key for key in every_key(shop) if key.startswith("orders_")} == {
            "orders_1",
            "orders_last",
            "orders_kept",
        }
        assert listed(shop) == ["kept"]

    @pytest.mark.parametrize("part", ["sidecar", "engine"])
    def test_while_something_is_away(self, shop: FakeShop, part: str) -> None:
        deliver(shop)
        getattr(shop, part).away = True
        if part == "sidecar":
            with pytest.raises(Unavailable):
                shop.keep_house(days=8)
        else:
            shop.keep_house(days=8)
        getattr(shop, part).away = False
        to_the_end(shop)
        assert about(shop) == set()
        assert not shop.engine.instances

    def test_the_sweep_starts_nothing_that_was_purged(self, shop: FakeShop) -> None:
        deliver(shop)
        shop.keep_house(days=7.1)
        shop.sweep()
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
    def test_what_makes_no_sense(self, order: FlaskClient, path: str, body: object) -> None:
        assert_problem(order.post(path, json=body), 400)

    def test_another_order_of_the_same_id_is_not_marked(self, shop: FakeShop, order: FlaskClient) -> None:
        deliver(shop)
        answer = order.post(
            "/purged", json={"orders": [{"order_id": "123", "uid": "x"}, {"order_id": "0", "uid": "x"}]}
        )
        assert answer.json == {"success": True}
        shop.keep_house(days=15)
        assert not shop.engine.instances
