"""Events on the topic `orders`: each says that a stage of an order began. Build them, and read them back."""

import json
from typing import Any

from pydantic import ValidationError

from pizzashop.domain.history import HistoryEntry
from pizzashop.domain.lifecycle import RANK
from pizzashop.domain.requests import ORDER_ID_PATTERN, Request, check_order_id, invalid_request
from pizzashop.errors import InvalidRequest


class StageEvent(Request):
    """One stage of one order, as the topic delivers it; without `uid` it is about the present order of that id.

    `traceparent` is the context of the span that published it.
    """

    order_id: str
    uid: str | None
    run: str | None
    entry: HistoryEntry
    traceparent: str | None = None


def build_stage_event(order: dict[str, Any], entry: HistoryEntry, run: str) -> dict[str, Any]:
    """Build the event of a stage that began: the whole order, with its status, attempt, time and run."""
    content = {name: value for name, value in order.items() if name != "history"}
    return {**content, "status": entry.status, "attempt": entry.attempt, "at": entry.at, "run": run}


def parse_event(cloud_event: Any, received_at: str) -> StageEvent:
    """Read a CloudEvent, whose `data` is an object or a JSON string. Raise InvalidRequest when it is invalid.

    An event without a `run` is not the shop's own, so its time is not trusted: `received_at` counts.
    """
    data = _parse_data(cloud_event)
    if data is None and isinstance(cloud_event, dict) and "unreadable" in cloud_event:
        raise InvalidRequest(str(cloud_event.get("why"))[:200])
    if not isinstance(data, dict):
        raise InvalidRequest("The event has no data")
    order_id = check_order_id(data.get("order_id"))
    if not isinstance(data.get("status"), str) or data["status"] not in RANK:
        raise InvalidRequest(f"The event's status is none that an order can have: {str(data.get('status'))[:80]!r}")
    try:
        return StageEvent(
            order_id=order_id,
            uid=data.get("uid"),
            run=data.get("run"),
            entry=HistoryEntry(
                status=data["status"],
                attempt=data.get("attempt", 1),
                at=data.get("at", received_at) if data.get("run") else received_at,
            ),
            traceparent=_parse_traceparent(cloud_event),
        )
    except ValidationError as error:
        raise invalid_request(error) from None


def find_order_id(cloud_event: Any) -> str | None:
    """Return the order id that an event names, None when it names no valid one. The event may be invalid."""
    try:
        data = _parse_data(cloud_event)
    except InvalidRequest:
        return None
    order_id = data.get("order_id") if isinstance(data, dict) else None
    return order_id if isinstance(order_id, str) and ORDER_ID_PATTERN.fullmatch(order_id) else None


def _parse_traceparent(cloud_event: dict[str, Any]) -> str | None:
    # Where Dapr does not trace, the field is empty. In an event of another program it may have any value.
    traceparent = cloud_event.get("traceparent")
    return traceparent if isinstance(traceparent, str) and traceparent else None


def _parse_data(cloud_event: Any) -> Any:
    data = cloud_event.get("data") if isinstance(cloud_event, dict) else None
    if not isinstance(data, str):
        return data
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidRequest("The event's data is not JSON") from None
