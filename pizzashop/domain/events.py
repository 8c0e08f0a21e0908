"""Events on the topic `orders`: what the roles say has begun, and how it is read back."""

import json
from typing import Any

from pydantic import ValidationError

from pizzashop.domain.history import HistoryEntry
from pizzashop.domain.lifecycle import RANK
from pizzashop.domain.requests import ORDER_ID_PATTERN, OrderRef, Request, invalid_request
from pizzashop.errors import InvalidRequest


class StageEvent(Request):
    """One stage of one order, as the topic has it; without `uid` it is about whichever order has the id."""

    order_id: str
    uid: str | None
    run: str | None
    entry: HistoryEntry


def build_stage_event(order: dict[str, Any], entry: HistoryEntry, run: str) -> dict[str, Any]:
    """The event that says that a stage began: the whole order, with its status, attempt, time and run."""
    told = {name: value for name, value in order.items() if name != "history"}
    return {**told, "status": entry.status, "attempt": entry.attempt, "at": entry.at, "run": run}


def read(cloud_event: Any, received_at: str) -> StageEvent:
    """Read a CloudEvent, whose `data` may be an object or a JSON string; raises InvalidRequest where it is neither."""
    data = _data(cloud_event)
    if data is None and isinstance(cloud_event, dict) and "unreadable" in cloud_event:
        raise InvalidRequest(str(cloud_event.get("why"))[:200])
    if not isinstance(data, dict):
        raise InvalidRequest("The event has no data")
    ref = OrderRef.parse({"order_id": data.get("order_id")})
    if not isinstance(data.get("status"), str) or data["status"] not in RANK:
        raise InvalidRequest(f"The event's status is none that an order can have: {str(data.get('status'))[:80]!r}")
    try:
        return StageEvent(
            order_id=ref.order_id,
            uid=data.get("uid"),
            run=data.get("run"),
            entry=HistoryEntry(
                status=data["status"],
                attempt=data.get("attempt", 1),
                at=data.get("at", received_at) if data.get("run") else received_at,
            ),
        )
    except ValidationError as error:
        raise invalid_request(error) from None


def find_order_id(cloud_event: Any) -> str | None:
    """Which order an event is about, as far as it tells; for one that cannot be read."""
    try:
        data = _data(cloud_event)
    except InvalidRequest:
        return None
    told = data.get("order_id") if isinstance(data, dict) else None
    return told if isinstance(told, str) and ORDER_ID_PATTERN.fullmatch(told) else None


def _data(cloud_event: Any) -> Any:
    data = cloud_event.get("data") if isinstance(cloud_event, dict) else None
    if not isinstance(data, str):
        return data
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidRequest("The event's data is not JSON") from None
