"""Events as the roles publish them and as role `order` reads them."""

import json
from typing import Any

import pytest

from pizzashop.domain.events import build_stage_event, parse_event
from pizzashop.domain.history import HistoryEntry
from pizzashop.errors import InvalidRequest

AT = "2026-01-01T00:00:00.000000Z"
DATA = {"order_id": "123", "status": "cooked", "attempt": 2, "at": AT, "run": "run-1", "uid": "uid-1", "size": "large"}


def test_an_event_has_the_whole_order_with_its_status_attempt_and_run() -> None:
    order = {"order_id": "123", "size": "large", "history": [{"status": "accepted"}], "uid": "uid-1"}
    event = build_stage_event(order, HistoryEntry(status="cooked", attempt=2, at=AT), "run-1")
    assert event == {
        "order_id": "123",
        "size": "large",
        "uid": "uid-1",
        "status": "cooked",
        "attempt": 2,
        "at": AT,
        "run": "run-1",
    }


@pytest.mark.parametrize("data", [DATA, json.dumps(DATA)])
def test_data_is_an_object_or_a_json_string(data: Any) -> None:
    event = parse_event({"data": data}, "2026-01-01T09:00:00Z")
    assert (event.order_id, event.uid, event.run) == ("123", "uid-1", "run-1")
    assert event.entry == HistoryEntry(status="cooked", attempt=2, at=AT)


def test_an_event_without_attempt_and_time_is_of_the_first_attempt_and_of_now() -> None:
    event = parse_event({"data": {"order_id": "123", "status": "cooked"}}, AT)
    assert event.entry == HistoryEntry(status="cooked", attempt=1, at=AT)


@pytest.mark.parametrize(
    "cloud_event",
    [
        None,
        [],
        "x",
        {},
        {"data": None},
        {"data": 1},
        {"data": []},
        {"data": "not json"},
        {"data": "[" * 100_000},
        {"data": "9" * 5000},
        {"data": "[]"},
        {"data": {}},
    ],
)
def test_content_without_an_order_is_invalid(cloud_event: Any) -> None:
    with pytest.raises(InvalidRequest):
        parse_event(cloud_event, AT)


@pytest.mark.parametrize(
    "wrong",
    [
        {"order_id": "a/b"},
        {"order_id": 1},
        {"order_id": None},
        {"status": "burnt"},
        {"status": None},
        {"status": ["cooked"]},
        {"status": {}},
        {"status": "cancelled"},
        {"attempt": 0},
        {"attempt": "first"},
        {"attempt": None},
        {"at": "yesterday"},
        {"at": 1},
        {"at": "2026-01-01T00:00:00"},
        {"at": "0001-01-01T00:00:00+14:00"},
        {"uid": 1},
        {"run": []},
    ],
)
def test_an_event_with_an_invalid_field_is_invalid(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        parse_event({"data": {**DATA, **wrong}}, AT)
