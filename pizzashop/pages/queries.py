"""What the pages ask of the other roles, through the storefront's sidecar."""

from typing import Any

from flask import current_app

from pizzashop.domain.record import Record
from pizzashop.domain.requests import ORDER_ID_PATTERN
from pizzashop.errors import NotFound
from pizzashop.presentation.boards import Board, Changes, SearchResult
from pizzashop.roles import ORDER, WORKFLOW
from pizzashop.steps.runner import StepContext


def step_context() -> StepContext:
    """What the application that serves this request works with."""
    found: StepContext = current_app.extensions["means"]
    return found


def board() -> Board:
    """Every open order, and the day in numbers."""
    return Board.model_validate(step_context().sidecar.invoke(ORDER, "GET", "/board"))


def search(**wanted: Any) -> SearchResult:
    """Orders by id, name and standing; raises InvalidRequest."""
    asked = {name: value for name, value in wanted.items() if value}
    return SearchResult.model_validate(step_context().sidecar.invoke(ORDER, "POST", "/search", asked))


def record(order_id: str) -> Record:
    """All that is known of an order; raises NotFound."""
    if not ORDER_ID_PATTERN.fullmatch(order_id):
        raise NotFound("Order not found")
    changes = Changes.model_validate(
        step_context().sidecar.invoke(ORDER, "POST", "/changes", {"orders": {order_id: 0}})
    )
    if not changes.orders:
        raise NotFound("Order not found")
    return changes.orders[0].record()


def runtime_status(order_id: str) -> str:
    """What the engine says of the order's workflow."""
    return str(step_context().sidecar.invoke(WORKFLOW, "GET", f"/get-status/{order_id}"))


def send_command(path: str, content: dict[str, Any]) -> None:
    """Give role `workflow` a command; raises Refused as it says it."""
    step_context().sidecar.invoke(WORKFLOW, "POST", path, content)
