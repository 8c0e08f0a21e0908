"""Operators list, show, replay and drop the events that could not be applied."""

from typing import Any

import pytest
from fakes.problems import assert_problem
from fakes.shop import ORDER_123, FakeShop, stage
from fakes.sidecar import cloud_event
from flask.testing import FlaskClient

from pizzashop.dapr.sidecar import Write
from pizzashop.errors import Unavailable
from pizzashop.order.dead_letters import DeadLetter


def deliver_invalid(order: FlaskClient, data: Any) -> str:
    """Deliver an event that becomes a dead letter, and return its id."""
    answer = order.post("/orders-sub", json=cloud_event(data))
    assert answer.json == {"success": False, "status": "DROP"}
    newest: str = order.get("/events").json["events"][0]["id"]
    return newest


def ids(order: FlaskClient) -> list[str]:
    return [each["id"] for each in order.get("/events?limit=100").json["events"]]


def repair(shop: FakeShop, event_id: str, event: Any) -> None:
    """Replace the event of a dead letter by one that can be applied, as if a new version of the shop could."""
    key = f"aside_event_{event_id}"
    kept = DeadLetter.model_validate_json(shop.sidecar.load(key).value or b"")
    repaired = kept.model_copy(update={"event": event}).model_dump_json()
    shop.sidecar.save(key, repaired, shop.sidecar.load(key).etag)


def test_a_new_shop_has_no_dead_letters(order: FlaskClient) -> None:
    assert order.get("/events").json == {"events": [], "next": None}


def test_a_dead_letter_is_listed_with_its_order(order: FlaskClient) -> None:
    event_id = deliver_invalid(order, {"order_id": "123", "status": "eaten"})
    (row,) = order.get("/events").json["events"]
    assert row.keys() == {"id", "at", "reason", "order_id"}
    assert (row["id"], row["order_id"]) == (event_id, "123")
    assert "eaten" in row["reason"]


@pytest.mark.parametrize("data", ["{", {}, {"order_id": "../etc"}, {"order_id": 7}, [1], '{"order_id": "-"}'])
def test_without_a_valid_order_id_no_order_is_named(order: FlaskClient, data: Any) -> None:
    deliver_invalid(order, data)
    assert order.get("/events").json["events"][0]["order_id"] is None


def test_a_dead_letter_shows_the_event_as_it_came(order: FlaskClient) -> None:
    data = {"order_id": "123", "status": "eaten", "more": [None, 2**80, "né 🍕"]}
    shown = order.get(f"/events/{deliver_invalid(order, data)}").json
    assert shown["event"] == cloud_event(data)


def test_a_number_that_is_not_valid_json_is_shown_as_null(order: FlaskClient) -> None:
    entry = b'{"entries": [{"entryId": "1", "event": {"data": {"order_id": "123", "x": 1e999}}}]}'
    assert order.post("/orders-sub", data=entry, content_type="application/json").status_code == 200
    (event_id,) = ids(order)
    shown = order.get(f"/events/{event_id}")
    assert b"Infinity" not in shown.data
    assert shown.json["event"] == {"data": {"order_id": "123", "x": None}}
    assert order.post(f"/events/{event_id}/replay", json={}).json["replayed"] is False


def test_an_event_delivered_again_is_kept_once(order: FlaskClient) -> None:
    for _ in range(3):
        deliver_invalid(order, {"order_id": "123"})
    assert len(ids(order)) == 1


def test_dead_letters_are_listed_newest_first_in_pages(order: FlaskClient) -> None:
    for number in range(5):
        deliver_invalid(order, {"order_id": f"n{number}"})
    everything = order.get("/events").json["events"]
    assert [each["order_id"] for each in everything] == ["n4", "n3", "n2", "n1", "n0"]
    paged, after = [], ""
    for _ in range(3):
        page = order.get(f"/events?limit=2{after}").json
        paged += page["events"]
        after = f"&after={page['next']}"
    assert page["next"] is None
    assert paged == everything


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=1.0", f"after={'x' * 65}"])
def test_an_invalid_query_is_refused(order: FlaskClient, query: str) -> None:
    assert_problem(order.get(f"/events?{query}"), 400)


class TestReplay:
    def test_an_event_that_can_be_applied_now_leaves_the_list(self, shop: FakeShop, order: FlaskClient) -> None:
        order.post("/order", json=ORDER_123)
        event_id = deliver_invalid(order, {"order_id": "123", "status": "eaten"})
        repair(shop, event_id, cloud_event(stage("cooking_baking")))
        answer = order.post(f"/events/{event_id}/replay", json={})
        assert (answer.status_code, answer.json["replayed"], answer.json["order_id"]) == (200, True, "123")
        assert shop.record()["status"] == "cooking_baking"
        assert ids(order) == []
        assert "aside_event_" not in " ".join(shop.sidecar.stored_keys())

    def test_an_event_that_cannot_stays_with_the_present_reason(self, shop: FakeShop, order: FlaskClient) -> None:
        event_id = deliver_invalid(order, {"order_id": "123", "status": "eaten"})
        key = f"aside_event_{event_id}"
        before = DeadLetter.model_validate_json(shop.sidecar.load(key).value or b"")
        old = before.model_copy(update={"reason": "of an earlier version"})
        shop.sidecar.save(key, old.model_dump_json(), shop.sidecar.load(key).etag)
        answer = order.post(f"/events/{event_id}/replay", json={})
        assert (answer.status_code, answer.json["replayed"]) == (200, False)
        assert answer.json["reason"] == before.reason
        assert order.get(f"/events/{event_id}").json["at"] == before.at
        assert ids(order) == [event_id]

    def test_all_are_replayed_page_by_page(self, shop: FakeShop, order: FlaskClient) -> None:
        order.post("/order", json=ORDER_123)
        good, bad = (deliver_invalid(order, {"order_id": "123", "status": word}) for word in ("eaten", "lost"))
        repair(shop, good, cloud_event(stage("validating")))
        rows, after = [], {}
        for _ in range(2):
            page = order.post("/events/replay", json={"limit": 1, **after}).json
            rows += page["events"]
            after = {"after": page["next"]}
        assert page["next"] is None
        assert {row["id"]: row["replayed"] for row in rows} == {good: True, bad: False}
        assert ids(order) == [bad]

    def test_replaying_an_unknown_one_is_a_404(self, order: FlaskClient) -> None:
        assert_problem(order.post("/events/1/replay", json={}), 404)

    @pytest.mark.parametrize("path", ["/events/1/replay", "/events/replay"])
    def test_the_page_of_another_site_cannot_replay(self, order: FlaskClient, path: str) -> None:
        assert_problem(order.post(path, data="{}", content_type="text/plain"), 415)


class TestDrop:
    def test_a_dropped_one_is_gone(self, shop: FakeShop, order: FlaskClient) -> None:
        gone, other = (deliver_invalid(order, {"order_id": word}) for word in ("1", "2"))
        assert order.delete(f"/events/{gone}").json == {"success": True}
        assert ids(order) == [other]
        assert_problem(order.get(f"/events/{gone}"), 404)
        assert shop.sidecar.load(f"aside_event_{gone}").value is None

    def test_dropping_an_unknown_one_succeeds(self, order: FlaskClient) -> None:
        assert order.delete("/events/1").status_code == 200


@pytest.mark.parametrize("path", ["/events", "/events/1"])
def test_while_the_sidecar_is_unavailable_the_answer_is_503(shop: FakeShop, order: FlaskClient, path: str) -> None:
    shop.sidecar.is_down = True
    assert_problem(order.get(path), 503)


def test_an_event_that_cannot_be_applied_now_stays(shop: FakeShop, order: FlaskClient) -> None:
    event_id = deliver_invalid(order, {"order_id": "123"})
    shop.sidecar.is_down = True
    assert_problem(order.post(f"/events/{event_id}/replay", json={}), 503)
    shop.sidecar.is_down = False
    assert ids(order) == [event_id]


def test_an_event_that_fails_for_an_outage_is_delivered_again_and_not_kept(
    shop: FakeShop, order: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    order.post("/order", json=ORDER_123)

    def away(_: list[Write]) -> list[bool]:
        raise Unavailable("the store is away just then")

    event = cloud_event(stage("validating"))
    with monkeypatch.context() as just_then:
        just_then.setattr(shop.sidecar, "save_many", away)
        assert order.post("/orders-sub", json=event).json == {"success": False, "status": "RETRY"}
    assert ids(order) == []
    assert shop.history() == ["accepted"]
    assert order.post("/orders-sub", json=event).json == {"success": True, "status": "SUCCESS"}
    assert shop.history() == ["accepted", "validating"]
