"""What the pages ask of the other roles, through the storefront's sidecar."""

from typing import Any

from flask import current_app

from pizzashop.domain.board import Board, Found
from pizzashop.domain.record import Record
from pizzashop.means import Means
from pizzashop.roles import ORDER, WORKFLOW

OWN_FIELDS = frozenset({"status", "attempt", "paused", "error", "overdue", "version", "history"})
"""What a view of an order has beside what the client sent."""


def means() -> Means:
    """What the application that serves this request works with."""
    found: Means = current_app.extensions["means"]
    return found


def board() -> Board:
    """Every open order, and the day in numbers."""
    return Board.model_validate(means().sidecar.invoke(ORDER, "GET", "/board"))


def search(**wanted: Any) -> Found:
    """Orders by id, name and standing; raises Invalid."""
    asked = {name: value for name, value in wanted.items() if value}
    return Found.model_validate(means().sidecar.invoke(ORDER, "POST", "/search", asked))


def record(order_id: str) -> Record:
    """All that is known of an order; raises NotFound."""
    view = means().sidecar.invoke(ORDER, "GET", f"/order/{order_id}")
    summary = means().sidecar.invoke(ORDER, "GET", f"/order/{order_id}/summary")
    content = {name: value for name, value in view.items() if name not in OWN_FIELDS}
    known = {name: view[name] for name in OWN_FIELDS & view.keys() - {"overdue"}}
    return Record.model_validate({**known, "uid": summary["uid"], "wanted": summary["wanted"], "order": content})


def runtime_status(order_id: str) -> str:
    """What the engine says of the order's workflow."""
    return str(means().sidecar.invoke(WORKFLOW, "GET", f"/get-status/{order_id}"))


def tell_workflow(path: str, content: dict[str, Any]) -> None:
    """Give role `workflow` a command; raises Refused as it says it."""
    means().sidecar.invoke(WORKFLOW, "POST", path, content)
