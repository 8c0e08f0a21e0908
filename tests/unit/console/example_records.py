"""Records of orders as the shop answers them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pizzashop.domain.lifecycle import FINAL, HAPPY_PATH

ACCEPTED_AT = datetime(2026, 1, 2, 18, 20, tzinfo=UTC)


def entry(status: str, second: float, attempt: int = 1, kind: str = "stage", **more: str) -> dict[str, Any]:
    """Return a history entry, so many seconds after the order was accepted."""
    at = (ACCEPTED_AT + timedelta(seconds=second)).isoformat()
    return {"kind": kind, "status": status, "attempt": attempt, "at": at, **more}


def decision(verdict: str, second: float, attempt: int = 1, **more: str) -> dict[str, Any]:
    """Return the history entry of the manager's decision."""
    return entry(verdict, second, attempt, "decision", **more)


def action(name: str, second: float, **more: str) -> dict[str, Any]:
    """Return the history entry of an operator's action."""
    return entry(name, second, 1, "action", **more)


def stages_to(status: str, attempt: int = 1, since: float = 0) -> list[dict[str, Any]]:
    """Return the entries of the stages up to `status`, one second each; a later attempt begins in the kitchen."""
    first = HAPPY_PATH.index("cooking_preparing_ingredients") if attempt > 1 else 0
    statuses = HAPPY_PATH[first : HAPPY_PATH.index(status) + 1]
    return [entry(each, since + second, attempt) for second, each in enumerate(statuses)]


def record(*history: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the record with this history."""
    stages = [each for each in history if each["kind"] == "stage" or each["status"] in FINAL]
    return {
        "order_id": "7Q4K-M2XD",
        "pizza_type": "pepperoni",
        "size": "large",
        "status": stages[-1]["status"],
        "attempt": stages[-1]["attempt"],
        "paused": False,
        "version": len(history),
        "history": list(history),
        **more,
    }


def record_at(status: str, **more: Any) -> dict[str, Any]:
    """Return the record of an order that came to `status` without decisions or actions."""
    return record(*stages_to(status), **more)


def delivered() -> dict[str, Any]:
    """Return the record of an order that was approved 10 seconds after it was cooked, and delivered within a second."""
    stages = stages_to("pending_validation")
    approved = len(stages) + 8
    delivery = HAPPY_PATH[HAPPY_PATH.index("delivery_finding_driver") :]
    entries = [entry(status, approved + 1 + number / 10) for number, status in enumerate(delivery)]
    return record(*stages, decision("approved", approved, by="ana"), *entries)
