"""Unreadable events on the topic and unreadable records in the store stop nothing else."""

import base64
import json
from typing import Any

import pytest
from fakes.problems import assert_problem
from fakes.shop import ORDER_123, FakeShop, stage
from fakes.sidecar import cloud_event
from flask.testing import FlaskClient

from pizzashop.domain.lifecycle import HAPPY_PATH
from pizzashop.order import routes

UNREADABLE = {
    "lone surrogate": '{"data": {"order_id": "\\ud800"}}',
    "lone surrogate in a name": '{"\\udfff": 1, "data": 1}',
    "a long number": '{"data": ' + "9" * 5000 + "}",
    "not a number": '{"data": NaN}',
    "too deep": '{"data": ' + "[" * 500 + "]" * 500 + "}",
    "far too deep": '{"data": ' + "[" * 200_000 + "]" * 200_000 + "}",
    "brackets in strings": '{"data": "\\ud800 ]}[{,\\" ]"}',
    "control character": '{"data": "\x01"}',
}


def deliver_in_bulk(order: FlaskClient, *events: str, extra: str = "", entry: str = "e") -> list[dict[str, Any]]:
    entries = ", ".join(f'{{"event": {event}, "entryId": "{entry}{n}"}}' for n, event in enumerate(events))
    body = f'{{"id": "b", {extra} "entries": [{entries}]}}'.encode(errors="surrogatepass")
    answer = order.post("/orders-sub", data=body, content_type="application/json")
    assert answer.status_code == 200, answer.text
    assert isinstance(answer.json, dict)
    statuses: list[dict[str, Any]] = answer.json["statuses"]
    return statuses


def good(status: str) -> str:
    return json.dumps(cloud_event(stage(status)))


@pytest.mark.parametrize("event", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_unreadable_event_becomes_a_dead_letter_and_the_others_are_applied(
    shop: FakeShop, order: FlaskClient, event: str
) -> None:
    order.post("/order", json=ORDER_123)
    statuses = deliver_in_bulk(order, good("validating"), event, good("processing"))
    assert statuses == [
        {"entryId": "e0", "status": "SUCCESS"},
        {"entryId": "e1", "status": "DROP"},
        {"entryId": "e2", "status": "SUCCESS"},
    ]
    assert shop.history() == ["accepted", "validating", "processing"]
    (row,) = order.get("/events").json["events"]
    assert row["reason"].startswith("The body")
    assert order.get(f"/events/{row['id']}").json["event"]["unreadable"].startswith("{")
    replayed = order.post(f"/events/{row['id']}/replay", json={}).json
    assert (replayed["replayed"], replayed["reason"]) == (False, row["reason"])


def test_an_unreadable_event_delivered_again_is_kept_once(order: FlaskClient) -> None:
    for entry in ("first", "second"):
        deliver_in_bulk(order, UNREADABLE["lone surrogate"], entry=entry)
    assert len(order.get("/events").json["events"]) == 1


def test_unreadable_metadata_does_not_stop_the_events(order: FlaskClient) -> None:
    order.post("/order", json=ORDER_123)
    (status,) = deliver_in_bulk(order, good("validating"), extra='"metadata": {"x": "\\ud800", "entries": [1]},')
    assert status["status"] == "SUCCESS"


def raw_entry(event: bytes, entry: str) -> dict[str, str]:
    """Return an entry whose event the sidecar did not parse."""
    content = base64.b64encode(event).decode()
    return {"entryId": entry, "event": content, "contentType": "application/octet-stream"}


def deliver_raw(order: FlaskClient, *events: bytes) -> dict[str, str]:
    """Deliver a bulk of events as the sidecar does, and return the status of each: e0, e1, …"""
    entries = [raw_entry(event, f"e{number}") for number, event in enumerate(events)]
    answer = order.post("/orders-sub", json={"entries": entries, "id": "b", "topic": "orders"})
    assert answer.status_code == 200, answer.text
    assert isinstance(answer.json, dict)
    return {each["entryId"]: each["status"] for each in answer.json["statuses"]}


HOSTILE: list[Any] = [7, {"a": 1}, [1], None, True, ""]


@pytest.mark.parametrize("field", ["traceid", "traceparent", "tracestate", "id", "expiration"])
@pytest.mark.parametrize("value", HOSTILE)
def test_other_fields_of_an_event_may_hold_anything(shop: FakeShop, order: FlaskClient, field: str, value: Any) -> None:
    order.post("/order", json=ORDER_123)
    event = json.dumps({**cloud_event(stage("validating")), field: value}).encode()
    assert deliver_raw(order, event) == {"e0": "SUCCESS"}
    assert shop.history() == ["accepted", "validating"]


def test_events_that_are_not_json_are_kept_and_the_others_are_applied(shop: FakeShop, order: FlaskClient) -> None:
    order.post("/order", json=ORDER_123)
    events = (good("validating").encode(), b"not json", b"", b"\xff\xfe", b"[]", good("processing").encode())
    answers = deliver_raw(order, *events)
    assert list(answers.values()) == ["SUCCESS", "DROP", "DROP", "DROP", "DROP", "SUCCESS"]
    assert shop.history() == ["accepted", "validating", "processing"]
    kept = [order.get(f"/events/{row['id']}").json["event"] for row in order.get("/events").json["events"]]
    assert {each["unreadable"] for each in kept if each} == {"not json", "", "\ufffd\ufffd"}


def test_a_flood_of_foreign_events_stops_nothing_and_is_mostly_ignored(shop: FakeShop, order: FlaskClient) -> None:
    order.post("/order", json=ORDER_123)
    for start in range(0, 1000, 100):
        events = [json.dumps(cloud_event({"orderId": number})).encode() for number in range(start, start + 99)]
        answers = deliver_raw(order, *events, good(HAPPY_PATH[1 + start // 100]).encode())
        assert answers["e99"] == "SUCCESS"
        assert set(answers.values()) <= {"SUCCESS", "DROP"}
    assert shop.history() == list(HAPPY_PATH[:11])
    assert len(order.get("/events?limit=100").json["events"]) < 100
    single = order.post("/orders-sub", json=cloud_event({"orderId": 1000}))
    assert single.json == {"success": False, "status": "DROP"}


class TestTooLargeBulk:
    """A bulk that is too large is answered in parts: the sidecar delivers events without an answer again for ever."""

    @pytest.fixture(autouse=True)
    def smaller_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(routes, "MAX_BULK_BYTES", 100_000)

    def test_the_events_that_fit_are_answered_and_the_others_come_again(
        self, shop: FakeShop, order: FlaskClient
    ) -> None:
        order.post("/order", json=ORDER_123)
        events = [json.dumps({**cloud_event(stage(status)), "x": "x" * 30_000}).encode() for status in HAPPY_PATH[1:6]]
        statuses: dict[str, str] = {}
        while left := [n for n in range(len(events)) if f"e{n}" not in statuses]:
            entries = [raw_entry(events[number], f"e{number}") for number in left]
            answer = order.post("/orders-sub", json={"entries": entries, "topic": "orders"})
            assert answer.json["statuses"]
            statuses |= {each["entryId"]: each["status"] for each in answer.json["statuses"]}
        assert set(statuses.values()) == {"SUCCESS"}
        assert shop.history() == list(HAPPY_PATH[:6])

    def test_a_single_event_that_is_too_large_is_truncated_and_kept(self, order: FlaskClient) -> None:
        assert deliver_raw(order, b"x" * 200_000) == {"e0": "DROP"}
        (row,) = order.get("/events").json["events"]
        assert row["reason"] == "It is too large"

    @pytest.mark.parametrize(
        "body", [b"x" * 200_000, b'{"data": "' + b"x" * 200_000 + b'"}', b'{"entries": [' + b" " * 200_000]
    )
    def test_any_other_body_that_is_too_large_is_a_413(self, order: FlaskClient, body: bytes) -> None:
        assert_problem(order.post("/orders-sub", data=body, content_type="application/json"), 413)


@pytest.mark.parametrize(
    "body",
    [
        b'{"entries": [{"event": {"data": "\\ud800"}',
        b'{"entries": {"a": "\\ud800"}}',
        b'{"entries": "\\ud800"}',
        b'["\\ud800"]',
        b'{"data": "\\ud800"}',
        b'{"entries": [',
        b'"entries',
        b"]}]}",
    ],
)
def test_a_body_that_is_not_a_bulk_is_a_400_or_dropped(order: FlaskClient, body: bytes) -> None:
    answer = order.post("/orders-sub", data=body, content_type="application/json")
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        assert {each["status"] for each in answer.json["statuses"]} <= {"DROP"}


class TestUnreadableRecord:
    """Another program has written to the store."""

    @pytest.fixture(params=["not json", "[1]", '{"uid": 7}', '"text"', ""])
    def broken(self, request: pytest.FixtureRequest, shop: FakeShop, order: FlaskClient) -> None:
        for order_id in ("123", "456"):
            order.post("/order", json={**ORDER_123, "order_id": order_id})
        shop.sidecar.save("order_123", request.param or "{", shop.sidecar.load("order_123").etag)

    @pytest.mark.usefixtures("broken")
    def test_the_answer_and_the_log_name_the_order(self, order: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
        answer = order.get("/order/123")
        assert_problem(answer, 500)
        assert answer.json["detail"].startswith("The record of order 123 cannot be read")
        assert "The record of order 123 cannot be read" in caplog.text

    @pytest.mark.usefixtures("broken")
    def test_events_of_other_orders_are_applied_and_its_own_are_kept(self, shop: FakeShop, order: FlaskClient) -> None:
        events = [stage("validating"), stage("validating", order_id="456"), stage("processing")]
        statuses = deliver_in_bulk(order, *(json.dumps(cloud_event(event)) for event in events))
        assert [each["status"] for each in statuses] == ["DROP", "SUCCESS", "DROP"]
        assert shop.history("456") == ["accepted", "validating"]
        assert {each["order_id"] for each in order.get("/events").json["events"]} == {"123"}

    @pytest.mark.usefixtures("broken")
    def test_the_kept_events_are_applied_after_a_repair(self, shop: FakeShop, order: FlaskClient) -> None:
        deliver_in_bulk(order, good("validating"))
        whole = (shop.sidecar.load("order_456").value or b"").decode().replace('"456"', '"123"')
        shop.sidecar.save("order_123", whole, shop.sidecar.load("order_123").etag)
        assert order.post("/events/replay", json={}).json["events"][0]["replayed"] is True
        assert shop.history() == ["accepted", "validating"]

    @pytest.mark.usefixtures("broken")
    def test_lists_and_the_reconciler_leave_it_out(self, order: FlaskClient) -> None:
        assert [each["order_id"] for each in order.get("/orders").json["orders"]] == ["456"]
        assert [each["order_id"] for each in order.get("/orders?status=open").json["orders"]] == ["456"]
        assert order.get("/unsettled").status_code == 200

    @pytest.mark.usefixtures("broken")
    def test_housekeeping_keeps_it_and_its_page(self, shop: FakeShop, order: FlaskClient) -> None:
        order.delete("/order/456")
        for days in (8, 20, 40, 60):
            shop.run_housekeeping(days=days)
        assert {"order_123", "orders_0"} <= shop.sidecar.stored_keys()
        assert shop.sidecar.load("order_456").value is None
