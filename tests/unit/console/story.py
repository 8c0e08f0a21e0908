"""Orders as the shop would answer them, told in a few words."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pizzashop.domain.lifecycle import FINAL, HAPPY_PATH, STEPS

ALL = [stage.status for step in STEPS for stage in step.stages]
BEGAN = datetime(2026, 1, 2, 18, 20, tzinfo=UTC)


def entry(status: str, second: float, attempt: int = 1, kind: str = "stage", **more: str) -> dict[str, Any]:
    """One entry of a history, so many seconds after the order was accepted."""
    at = (BEGAN + timedelta(seconds=second)).isoformat()
    return {"kind": kind, "status": status, "attempt": attempt, "at": at, **more}


def decided(verdict: str, second: float, attempt: int = 1, **more: str) -> dict[str, Any]:
    """The manager's decision."""
    return entry(verdict, second, attempt, "decision", **more)


def acted(action: str, second: float, **more: str) -> dict[str, Any]:
    """What an operator did."""
    return entry(action, second, 1, "action", **more)


def way_to(status: str, attempt: int = 1, since: float = 0) -> list[dict[str, Any]]:
    """The stages up to `status`, a second each; a later attempt begins in the kitchen."""
    first = HAPPY_PATH.index("cooking_preparing_ingredients") if attempt > 1 else 0
    return [entry(s, since + n, attempt) for n, s in enumerate(HAPPY_PATH[first : HAPPY_PATH.index(status) + 1])]


def record(*history: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The record with this history."""
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


def at(status: str, **more: Any) -> dict[str, Any]:
    """An order that has come to `status` with nothing special on the way."""
    return record(*way_to(status), **more)


def delivered() -> dict[str, Any]:
    """An order that went well; 21 seconds."""
    later = [
        entry(status, 20 + n / 10) for n, status in enumerate(HAPPY_PATH[HAPPY_PATH.index("delivery_finding_driver") :])
    ]
    return record(*way_to("pending_validation"), decided("approved", 19, by="ana"), *later)
