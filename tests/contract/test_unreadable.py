"""What cannot be read, on the topic and in the store: it is told apart from the rest, and holds nothing else up."""

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


def in_bulk(order: FlaskClient, *events: str, extra: str = "", entry: str = "e") -> list[dict[str, Any]]:
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
def test_one_unreadable_event_is_kept_aside_and_the_others_are_taken(
    shop: FakeShop, order: FlaskClient, event: str
) -> None:
    order.post("/order", json=ORDER_123)
    statuses = in_bulk(order, good("validating"), event, good("processing"))
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


def test_delivered_again_it_is_kept_once(order: FlaskClient) -> None:
    for entry in ("first", "second"):
        in_bulk(order, UNREADABLE["lone surrogate"], entry=entry)
    assert len(order.get("/events").json["events"]) == 1


def test_what_stands_beside_the_entries_keeps_them_from_nothing(order: FlaskClient) -> None:
    order.post("/order", json=ORDER_123)
    (status,) = in_bulk(order, good("validating"), extra='"metadata": {"x": "\\ud800", "entries": [1]},')
    assert status["status"] == "SUCCESS"


def raw_entry(event: bytes, entry: str) -> dict[str, str]:
    """An entry whose event the sidecar has not read."""
    content = base64.b64encode(event).decode()
    return {"entryId": entry, "event": content, "contentType": "application/octet-stream"}


def take_raw(order: FlaskClient, *events: bytes) -> dict[str, str]:
    """Hand over a bulk of events as the sidecar does; answers what was said of each: e0, e1, …"""
    entries = [raw_entry(event, f"e{number}") for number, event in enumerate(events)]
    answer = order.post("/orders-sub", json={"entries": entries, "id": "b", "topic": "orders"})
    assert answer.status_code == 200, answer.text
    assert isinstance(answer.json, dict)
    return {each["entryId"]: each["status"] for each in answer.json["statuses"]}


HOSTILE: list[Any] = [7, {"a": 1}, [1], None, True, ""]


@pytest.mark.parametrize("field", ["traceid", "traceparent", "tracestate", "id", "expiration"])
@pytest.mark.parametrize("value", HOSTILE)
def test_what_else_an_event_says_keeps_it_from_nothing(
    shop: FakeShop, order: FlaskClient, field: str, value: Any
) -> None:
    order.post("/order", json=ORDER_123)
    event = json.dumps({**cloud_event(stage("validating")), field: value}).encode()
    assert take_raw(order, event) == {"e0": "SUCCESS"}
    assert shop.history() == ["accepted", "validating"]


def test_events_that_are_not_json_are_kept_and_the_others_are_taken(shop: FakeShop, order: FlaskClient) -> None:
    order.post("/order", json=ORDER_123)
    events = (good("validating").encode(), b"not json", b"", b"\xff\xfe", b"[]", good("processing").encode())
    answers = take_raw(order, *events)
    assert list(answers.values()) == ["SUCCESS", "DROP", "DROP", "DROP", "DROP", "SUCCESS"]
    assert shop.history() == ["accepted", "validating", "processing"]
    kept = [order.get(f"/events/{row['id']}").json["event"] for row in order.get("/events").json["events"]]
    assert {each["unreadable"] for each in kept if each} == {"not json", "", "\ufffd\ufffd"}


def test_a_flood_of_foreign_events_is_taken_and_mostly_passed_over(shop: FakeShop, order: FlaskClient) -> None:
    order.post("/order", json=ORDER_123)
    for start in range(0, 1000, 100):
        events = [json.dumps(cloud_event({"orderId": number})).encode() for number in range(start, start + 99)]
        answers = take_raw(order, *events, good(HAPPY_PATH[1 + start // 100]).encode())
        assert answers["e99"] == "SUCCESS"
        assert set(answers.values()) <= {"SUCCESS", "DROP"}
    assert shop.history() == list(HAPPY_PATH[:11])
    assert len(order.get("/events?limit=100").json["events"]) < 100
    single = order.post("/orders-sub", json=cloud_event({"orderId": 1000}))
    assert single.json == {"success": False, "status": "DROP"}


class TestABulkThatIsTooLarge:
    """It has to end all the same: the sidecar delivers again, without end, what has no answer."""

    @pytest.fixture(autouse=True)
    def less_room(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(routes, "MAX_BYTES_IN_BULK", 100_000)

    def test_what_fits_is_answered_and_the_rest_comes_again(self, shop: FakeShop, order: FlaskClient) -> None:
        order.post("/order", json=ORDER_123)
        events = [json.dumps({**cloud_event(stage(status)), "x": "x" * 30_000}).encode() for status in HAPPY_PATH[1:6]]
        said: dict[str, str] = {}
        while left := [n for n in range(len(events)) if f"e{n}" not in said]:
            entries = [raw_entry(events[number], f"e{number}") for number in left]
            answer = order.post("/orders-sub", json={"entries": entries, "topic": "orders"})
            assert answer.json["statuses"]
            said |= {each["entryId"]: each["status"] for each in answer.json["statuses"]}
        assert set(said.values()) == {"SUCCESS"}
        assert shop.history() == list(HAPPY_PATH[:6])

    def test_an_event_that_is_too_large_alone_is_kept_as_far_as_it_goes(self, order: FlaskClient) -> None:
        assert take_raw(order, b"x" * 200_000) == {"e0": "DROP"}
        (row,) = order.get("/events").json["events"]
        assert row["reason"] == "It is too large"

    @pytest.mark.parametrize(
        "body", [b"x" * 200_000, b'{"data": "' + b"x" * 200_000 + b'"}', b'{"entries": [' + b" " * 200_000]
    )
    def test_what_is_no_envelope_is_a_413(self, order: FlaskClient, body: bytes) -> None:
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
def test_what_is_no_envelope_is_a_400(order: FlaskClient, body: bytes) -> None:
    answer = order.post("/orders-sub", data=body, content_type="application/json")
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        assert {each["status"] for each in answer.json["statuses"]} <= {"DROP"}


class TestARecordThatIsNone:
    """Somebody has written into the store past the shop."""

    @pytest.fixture(params=["not json", "[1]", '{"uid": 7}', '"text"', ""])
    def broken(self, request: pytest.FixtureRequest, shop: FakeShop, order: FlaskClient) -> None:
        for order_id in ("123", "456"):
            order.post("/order", json={**ORDER_123, "order_id": order_id})
        shop.sidecar.save("order_123", request.param or "{", shop.sidecar.load("order_123").etag)

    @pytest.mark.usefixtures("broken")
    def test_it_is_said_and_logged(self, order: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
        answer = order.get("/order/123")
        assert_problem(answer, 500)
        assert answer.json["detail"].startswith("The record of order 123 cannot be read")
        assert "The record of order 123 cannot be read" in caplog.text

    @pytest.mark.usefixtures("broken")
    def test_other_orders_events_are_taken_and_its_own_are_kept(self, shop: FakeShop, order: FlaskClient) -> None:
        events = [stage("validating"), stage("validating", order_id="456"), stage("processing")]
        statuses = in_bulk(order, *(json.dumps(cloud_event(event)) for event in events))
        assert [each["status"] for each in statuses] == ["DROP", "SUCCESS", "DROP"]
        assert shop.history("456") == ["accepted", "validating"]
        assert {each["order_id"] for each in order.get("/events").json["events"]} == {"123"}

    @pytest.mark.usefixtures("broken")
    def test_mended_it_gets_the_events_that_were_kept(self, shop: FakeShop, order: FlaskClient) -> None:
        in_bulk(order, good("validating"))
        whole = (shop.sidecar.load("order_456").value or b"").decode().replace('"456"', '"123"')
        shop.sidecar.save("order_123", whole, shop.sidecar.load("order_123").etag)
        assert order.post("/events/replay", json={}).json["events"][0]["replayed"] is True
        assert shop.history() == ["accepted", "validating"]

    @pytest.mark.usefixtures("broken")
    def test_the_lists_and_the_sweep_leave_it_out(self, order: FlaskClient) -> None:
        assert [each["order_id"] for each in order.get("/orders").json["orders"]] == ["456"]
        assert [each["order_id"] for each in order.get("/orders?status=open").json["orders"]] == ["456"]
        assert order.get("/unsettled").status_code == 200

    @pytest.mark.usefixtures("broken")
    def test_housekeeping_keeps_it_and_its_place(self, shop: FakeShop, order: FlaskClient) -> None:
        order.delete("/order/456")
        for days in (8, 20, 40, 60):
            shop.keep_house(days=days)
        assert {"order_123", "orders_0"} <= shop.sidecar.keys()
        assert shop.sidecar.load("order_456").value is None
