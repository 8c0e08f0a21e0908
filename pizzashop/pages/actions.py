"""What the staff may do to an order: each action, the command that it is, and the words when it is done."""

from typing import Any, NamedTuple

from pizzashop.errors import Refused, ShopError
from pizzashop.pages import queries


class Action(NamedTuple):
    """A command to role `workflow`: where it goes, what it says beside the order, and what the page says then."""

    path: str
    says: dict[str, Any]
    done: str


ACTIONS = {
    "approve": Action("/validate-pizza", {"approved": True}, "Approved. It goes on its way."),
    "remake": Action("/validate-pizza", {"approved": False, "remake": True}, "Sent back. The kitchen makes a new one."),
    "reject": Action("/validate-pizza", {"approved": False}, "Rejected. The order has failed."),
    "pause": Action("/pause-order", {}, "Paused. What is under way is finished, and nothing new begins."),
    "resume": Action("/resume-order", {}, "It goes on."),
    "cancel": Action("/cancel-order", {}, "Cancelled."),
}
DECISIONS = frozenset({"approve", "remake", "reject"})


def run_action(name: str, order_id: str, attempt: int | None, by: str, note: str) -> str:
    """Do it, and answer what to say; raises ShopError. A decision is for the pizza that its page was about."""
    action = ACTIONS[name]
    command = {"order_id": order_id, "by": by, **action.says}
    if name in DECISIONS:
        command["attempt"] = attempt
    queries.send_command(action.path, command | ({"note": note} if note else {}))
    return action.done


def done_text(name: str) -> str:
    """What a page says after an action, of which its address has the name alone; nothing where it names none."""
    if name == "again":
        return "This is the new order: the same again."
    return ACTIONS[name].done if name in ACTIONS else ""


def failure_text(error: ShopError) -> str:
    """What a page says where it could not be done."""
    said = str(error).rstrip(".")
    if isinstance(error, Refused):
        return f"{said}. Nothing was changed."
    return f"{said}. Look whether it was done, and try again: nothing is done twice."
