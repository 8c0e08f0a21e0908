"""Role `order`: create, show, list and delete orders, and take in events."""

import json
from typing import Any

import pytest
from fakes.problems import assert_problem
from fakes.shop import ORDER_123, FakeShop, stage
from fakes.sidecar import cloud_event
from flask.testing import FlaskClient

from pizzashop.domain.lifecycle import HAPPY_PATH
from pizzashop.roles import WORKFLOW

APPLIED = {"success": True, "status": "SUCCESS"}


def create(order: FlaskClient, order_id: str = "123", **more: Any) -> None:
    assert order.post("/order", json={**ORDER_123, "order_id": order_id, **more}).status_code == 200


def deliver(order: FlaskClient, *events: Any) -> list[str]:
    """Deliver events one by one, and return their statuses."""
    return [order.post("/orders-sub", json=cloud_event(event)).json["status"] for event in events]


def deliver_in_bulk(order: FlaskClient, *events: Any) -> list[str]:
    entries = [{"entryId": f"e{n}", "event": cloud_event(event)} for n, event in enumerate(events)]
    statuses = order.post("/orders-sub", json={"id": "b", "entries": entries}).json["statuses"]
    assert [each["entryId"] for each in statuses] == [each["entryId"] for each in entries]
    return [each["status"] for each in statuses]


class TestCreate:
    def test_a_created_order_has_a_record(self, shop: FakeShop, order: FlaskClient) -> None:
        answer = order.post("/order", json=ORDER_123)
        assert (answer.status_code, answer.json) == (200, {"success": True})
        record = shop.record()
        assert ORDER_123.items() <= record.items()
        assert (record["status"], record["attempt"], record["paused"], record["version"]) == ("accepted", 1, False, 1)
        assert [(entry["kind"], entry["status"]) for entry in record["history"]] == [("stage", "accepted")]
        assert "error" not in record

    def test_creating_starts_no_workflow(self, shop: FakeShop, order: FlaskClient, workflow: FlaskClient) -> None:
        create(order)
        assert not shop.engine.instances
        assert_problem(workflow.get("/get-status/123"), 404)

    def test_creating_again_changes_nothing(self, shop: FakeShop, order: FlaskClient) -> None:
        create(order)
        before = shop.record()
        answer = order.post("/order", json=dict(reversed(ORDER_123.items())))
        assert (answer.status_code, answer.json) == (200, {"success": True})
        assert shop.record() == before

    @pytest.mark.parametrize("more", [{"size": "small"}, {"extra": 1}, {"customer": {}}])
    def test_other_content_is_a_conflict(self, shop: FakeShop, order: FlaskClient, more: dict[str, Any]) -> None:
        create(order)
        assert_problem(order.post("/order", json={**ORDER_123, **more}), 409)
        assert ORDER_123.items() <= shop.record().items()

    def test_a_value_of_another_type_is_other_content(self, order: FlaskClient) -> None:
        create(order, slices=1)
        for slices in (True, 1.0, "1"):
            assert_problem(order.post("/order", json={**ORDER_123, "slices": slices}), 409)

    def test_other_fields_are_kept_exactly(self, shop: FakeShop, order: FlaskClient) -> None:
        more = {
            "note": "né 🍕",
            "big": 2**80,
            "long": 9**4000,
            "small": 1e-7,
            "deep": [{"a": [None, 1.5, True]}],
            "": "",
        }
        create(order, **more)
        assert more.items() <= shop.record().items()
        create(order, **more)

    def test_a_client_cannot_set_what_the_shop_says_of_an_order(self, shop: FakeShop) -> None:
        more = {"paused": "yes", "overdue": "yes", "at": "1970-01-01T00:00:00Z", "kind": "x", "cancelling": 1}
        answer = shop.client(WORKFLOW).post("/start-order", json={**ORDER_123, **more})
        assert answer.status_code == 200
        shop.sidecar.delivers_events = True
        shop.engine.run()
        record = shop.record()
        assert (record["paused"], "overdue" in record, record["at"]) == (False, False, more["at"])
        assert all(not entry["at"].startswith("1970") for entry in record["history"])
        assert all(event["paused"] == "yes" and event["at"] > "2000" for event in shop.sidecar.published)

    @pytest.mark.parametrize("name", ["status", "history", "attempt", "error", "version", "run", "uid"])
    def test_reserved_fields_are_refused(self, order: FlaskClient, name: str) -> None:
        answer = order.post("/order", json={**ORDER_123, name: "x"})
        assert_problem(answer, 400)
        assert [each["field"] for each in answer.json["errors"]] == [name]
        assert_problem(order.get("/order/123"), 404)

    @pytest.mark.parametrize("wrong", [{"order_id": "-1"}, {"size": ""}, {"customer": None}])
    def test_the_error_names_the_invalid_field(self, order: FlaskClient, wrong: dict[str, Any]) -> None:
        answer = order.post("/order", json={**ORDER_123, **wrong})
        assert_problem(answer, 400)
        assert [each["field"] for each in answer.json["errors"]] == list(wrong)


class TestShow:
    @pytest.mark.parametrize("order_id", ["123", "-", "a.b", "ü", "0" * 65, "%0a", "123%0a"])
    def test_an_unknown_order_is_a_404(self, order: FlaskClient, order_id: str) -> None:
        answer = order.get(f"/order/{order_id}")
        assert_problem(answer, 404)
        assert answer.json["error"] == "Order not found"

    def test_the_version_grows_with_each_change(self, shop: FakeShop, order: FlaskClient) -> None:
        create(order)
        versions = [shop.record()["version"]]
        for status in ("validating", "validating", "processing"):
            deliver(order, stage(status))
            versions.append(shop.record()["version"])
        assert versions[0] < versions[1] == versions[2] < versions[3]

    def test_a_finished_order_has_its_whole_history(self, shop: FakeShop) -> None:
        shop.place_and_run()
        shop.decide(approved=True, by="ana", note="looks good")
        record = shop.record()
        assert record["status"] == "delivered"
        assert [e["status"] for e in record["history"] if e["kind"] == "stage"] == list(HAPPY_PATH)
        statuses = [e["status"] for e in record["history"]]
        assert statuses[statuses.index("approved") - 1] == "pending_validation"
        (decision,) = [e for e in record["history"] if e["kind"] == "decision"]
        assert (decision["by"], decision["note"], decision["attempt"]) == ("ana", "looks good", 1)
        for entry in record["history"]:
            assert entry.keys() <= {"kind", "status", "attempt", "at", "by", "note"}
            assert entry["at"].endswith("Z")
        moments = [entry["at"] for entry in record["history"]]
        assert moments == sorted(moments)


class TestDelete:
    def test_a_deleted_order_is_gone(self, order: FlaskClient) -> None:
        create(order)
        assert order.delete("/order/123").json == {"success": True}
        assert_problem(order.get("/order/123"), 404)
        assert order.get("/orders").json == {"orders": [], "next": None}

    @pytest.mark.parametrize("order_id", ["123", "ü", "0" * 65])
    def test_deleting_an_unknown_order_succeeds(self, order: FlaskClient, order_id: str) -> None:
        for _ in range(2):
            answer = order.delete(f"/order/{order_id}")
            assert (answer.status_code, answer.json) == (200, {"success": True})

    def test_an_order_with_a_live_workflow_is_not_deleted(self, shop: FakeShop, order: FlaskClient) -> None:
        shop.place()
        assert_problem(order.delete("/order/123"), 409)
        shop.engine.run()
        assert_problem(order.delete("/order/123"), 409)
        shop.decide(approved=False)
        assert order.delete("/order/123").status_code == 200

    def test_late_events_bring_nothing_back(self, order: FlaskClient) -> None:
        create(order)
        order.delete("/order/123")
        assert deliver(order, stage("cooking_baking"), stage("delivered")) == ["SUCCESS", "SUCCESS"]
        assert_problem(order.get("/order/123"), 404)

    def test_the_id_can_be_used_again(self, shop: FakeShop, order: FlaskClient) -> None:
        shop.place_and_run()
        shop.decide(approved=False)
        late = shop.sidecar.published[0]
        before = shop.record()["version"]
        order.delete("/order/123")
        create(order, size="small")
        assert deliver(order, late) == ["SUCCESS"]
        record = shop.record()
        assert (record["size"], record["status"]) == ("small", "accepted")
        assert record["version"] > before

    def test_the_customers_data_is_deleted(self, shop: FakeShop, order: FlaskClient) -> None:
        create(order)
        order.delete("/order/123")
        assert "John" not in shop.sidecar.stored_text()


class TestList:
    @pytest.fixture
    def five(self, shop: FakeShop, order: FlaskClient) -> None:
        for order_id in ("a", "b", "c"):
            create(order, order_id)
        deliver(order, stage("cooking_baking", order_id="b"))
        for order_id in ("d", "e"):
            shop.place_and_run(order_id)
            shop.decide(approved=order_id == "d", order_id=order_id)

    @pytest.mark.usefixtures("five")
    @pytest.mark.parametrize(
        ("query", "ids"),
        [
            ("", "edcba"),
            ("?status=open", "cba"),
            ("?status=closed", "ed"),
            ("?status=accepted", "ca"),
            ("?status=cooking_baking", "b"),
            ("?status=delivered", "d"),
            ("?status=failed", "e"),
            ("?status=cancelled", ""),
            ("?status=pending_validation", ""),
            ("?limit=2", "ed"),
            ("?limit=200", "edcba"),
        ],
    )
    def test_orders_are_listed_newest_first(self, order: FlaskClient, query: str, ids: str) -> None:
        listed = order.get(f"/orders{query}").json
        assert "".join(each["order_id"] for each in listed["orders"]) == ids

    @pytest.mark.usefixtures("five")
    def test_the_list_has_whole_orders(self, shop: FakeShop, order: FlaskClient) -> None:
        assert order.get("/orders?limit=1").json["orders"] == [shop.record("e")]

    @pytest.mark.usefixtures("five")
    @pytest.mark.parametrize(("status", "ids"), [("", "edcba"), ("open", "cba"), ("closed", "ed")])
    @pytest.mark.parametrize("limit", [1, 2, 3])
    def test_page_by_page_each_order_comes_once(self, order: FlaskClient, status: str, ids: str, limit: int) -> None:
        seen, after, pages = "", "", 0
        while after is not None:
            query = f"limit={limit}" + (f"&status={status}" if status else "") + (f"&after={after}" if after else "")
            listed = order.get(f"/orders?{query}").json
            assert len(listed["orders"]) <= limit
            seen += "".join(each["order_id"] for each in listed["orders"])
            after, pages = listed["next"], pages + 1
        assert seen == ids
        assert pages == -(-len(ids) // limit)

    def test_a_page_may_be_longer_than_a_page_of_the_index(self, order: FlaskClient) -> None:
        ids = [f"order-{number}" for number in range(210)]
        for order_id in ids:
            create(order, order_id)
        first = order.get("/orders?limit=150").json
        second = order.get(f"/orders?limit=150&after={first['next']}").json
        assert [each["order_id"] for each in [*first["orders"], *second["orders"]]] == ids[::-1]
        assert second["next"] is None

    def test_an_empty_shop_lists_nothing(self, order: FlaskClient) -> None:
        assert order.get("/orders").json == {"orders": [], "next": None}
        assert order.get("/orders?status=open").json == {"orders": [], "next": None}

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("status=burnt", "status"),
            ("status=", "status"),
            ("limit=0", "limit"),
            ("limit=-1", "limit"),
            ("limit=many", "limit"),
            ("limit=", "limit"),
            ("limit=1000000", "limit"),
            ("limit=1.5", "limit"),
            ("limit=1.0", "limit"),
            ("limit=%2B1", "limit"),
            ("limit=%201", "limit"),
            ("limit=1_0", "limit"),
            ("limit=%d9%a1", "limit"),
            ("after=xyz", "after"),
            ("after=%d9%a1-%d9%a1", "after"),
            ("after=", "after"),
        ],
    )
    def test_an_invalid_query_is_refused(self, order: FlaskClient, query: str, field: str) -> None:
        answer = order.get(f"/orders?{query}")
        assert_problem(answer, 400)
        assert {each["field"].partition(".")[0] for each in answer.json["errors"]} == {field}


class TestEvents:
    def test_an_event_moves_the_order(self, shop: FakeShop, order: FlaskClient) -> None:
        create(order)
        answer = order.post("/orders-sub", json=cloud_event(stage("validating", at="2026-01-01T00:00:00Z")))
        assert (answer.status_code, answer.json) == (200, APPLIED)
        entry = shop.record()["history"][-1]
        assert (shop.record()["status"], entry["status"], entry["attempt"]) == ("validating", "validating", 1)
        assert entry["at"].startswith("2026-01-01T00:00:00")

    def test_data_may_be_a_json_string(self, shop: FakeShop, order: FlaskClient) -> None:
        create(order)
        assert deliver(order, json.dumps(stage("validating"))) == ["SUCCESS"]
        assert shop.record()["status"] == "validating"

    def test_the_content_type_may_be_that_of_a_cloud_event(self, shop: FakeShop, order: FlaskClient) -> None:
        create(order)
        body = json.dumps(cloud_event(stage("validating")))
        answer = order.post("/orders-sub", data=body, content_type="application/cloudevents+json")
        assert answer.json == APPLIED
        assert shop.record()["status"] == "validating"

    def test_an_event_may_have_only_the_order_and_its_status(self, shop: FakeShop, order: FlaskClient) -> None:
        create(order)
        assert deliver(order, {**ORDER_123, "status": "cooked"}) == ["SUCCESS"]
        assert shop.record()["status"] == "cooked"

    def test_repeated_and_late_events_move_nothing_back(self, shop: FakeShop, order: FlaskClient) -> None:
        create(order)
        events = [stage(status) for status in ("validating", "cooked", "processing", "validating", "cooked")]
        assert deliver(order, *events) == ["SUCCESS"] * 5
        assert shop.record()["status"] == "cooked"
        assert shop.history() == ["accepted", "validating", "processing", "cooked"]

    def test_each_event_of_a_bulk_has_its_own_answer(self, shop: FakeShop, order: FlaskClient) -> None:
        create(order)
        create(order, "456")
        events = [stage("cooked"), stage("burnt"), stage("validating", order_id="456"), stage("validating"), "nonsense"]
        assert deliver_in_bulk(order, *events) == ["SUCCESS", "DROP", "SUCCESS", "SUCCESS", "DROP"]
        assert shop.history() == ["accepted", "validating", "cooked"]
        assert shop.record("456")["status"] == "validating"

    def test_the_events_of_one_order_are_one_change(self, shop: FakeShop, order: FlaskClient) -> None:
        create(order)
        deliver_in_bulk(order, stage("validating"), stage("processing"), stage("confirmed"))
        assert shop.record()["version"] == 2

    @pytest.mark.parametrize("entries", [[None], [{}], [{"entryId": "e1"}], [{"entryId": "e1", "event": None}], ["x"]])
    def test_an_entry_without_an_event_is_dropped(self, order: FlaskClient, entries: list[Any]) -> None:
        answer = order.post("/orders-sub", json={"entries": entries})
        assert (answer.status_code, answer.json["statuses"][0]["status"]) == (200, "DROP")

    def test_an_empty_bulk_is_accepted(self, order: FlaskClient) -> None:
        assert order.post("/orders-sub", json={"entries": []}).json == {"statuses": []}

    def test_an_event_that_is_nested_too_deeply_does_not_stop_the_others(
        self, shop: FakeShop, order: FlaskClient
    ) -> None:
        create(order)
        deep: Any = []
        for _ in range(40):
            deep = [deep]
        assert deliver_in_bulk(order, stage("validating"), stage("processing", extra=deep)) == ["SUCCESS", "DROP"]
        assert shop.record()["status"] == "validating"

    def test_an_order_nested_as_deeply_as_allowed_gets_its_events(self, shop: FakeShop, order: FlaskClient) -> None:
        deep: Any = []
        for _ in range(30):
            deep = [deep]
        create(order, extra=deep)
        assert deliver(order, stage("validating", extra=deep)) == ["SUCCESS"]
        assert deliver_in_bulk(order, stage("processing", extra=deep)) == ["SUCCESS"]
        assert shop.record()["status"] == "processing"

    @pytest.mark.parametrize(
        "event",
        [
            None,
            "not json",
            "[]",
            [],
            {},
            {"order_id": "123"},
            stage("burnt"),
            stage("cooked", order_id="a/b"),
            stage("cooked", attempt=0),
            stage("cooked", at="yesterday"),
        ],
    )
    def test_an_event_that_can_never_be_applied_becomes_a_dead_letter(
        self, shop: FakeShop, order: FlaskClient, event: Any
    ) -> None:
        create(order)
        before, keys = shop.record(), shop.sidecar.stored_keys()
        assert deliver(order, event) == ["DROP"]
        assert shop.record() == before
        kept = [key for key in shop.sidecar.stored_keys() - keys if key.startswith("aside_event_")]
        assert len(kept) == 1
        value = shop.sidecar.load(kept[0]).value
        assert value is not None
        assert json.loads(value)["event"] == cloud_event(event)

    def test_an_event_of_an_unknown_order_is_ignored(self, order: FlaskClient) -> None:
        assert deliver(order, stage("validating")) == ["SUCCESS"]
        assert_problem(order.get("/order/123"), 404)

    @pytest.mark.parametrize("event", [stage("cooked"), stage("burnt")])
    def test_an_event_that_may_be_applied_later_is_delivered_again(
        self, shop: FakeShop, order: FlaskClient, event: Any
    ) -> None:
        create(order)
        shop.sidecar.is_down = True
        assert deliver(order, event) == ["RETRY"]
        assert deliver_in_bulk(order, event, event) == ["RETRY", "RETRY"]
        shop.sidecar.is_down = False
        assert deliver(order, event) != ["RETRY"]

    @pytest.mark.parametrize("approved", [True, False])
    def test_nothing_moves_a_finished_order(self, shop: FakeShop, order: FlaskClient, approved: bool) -> None:
        shop.place_and_run()
        shop.decide(approved=approved)
        ended = shop.record()["status"]
        assert deliver(order, stage("delivery_arriving"), stage("cooking_baking", attempt=2)) == ["SUCCESS", "SUCCESS"]
        assert shop.record()["status"] == ended
