"""What the pages ask of roles `order` and `workflow`, through the storefront's sidecar."""

from typing import Any

from pizzashop.dapr.sidecar import Sidecar
from pizzashop.domain.record import OrderSnapshot
from pizzashop.domain.requests import ORDER_ID_PATTERN
from pizzashop.errors import NotFound
from pizzashop.presentation.boards import Board, Changes, SearchResult
from pizzashop.roles import ORDER, WORKFLOW


class Backend:
    """Ask for orders, and send commands. Every method raises Unavailable when a role cannot be reached."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar

    def load_board(self) -> Board:
        """Return every open order, and the numbers of the day."""
        return Board.model_validate(self._sidecar.invoke(ORDER, "GET", "/board"))

    def search_orders(self, **filters: str | int) -> SearchResult:
        """Return orders by `text`, `filter`, `after` and `limit`; raise InvalidRequest for an unknown filter."""
        query = {name: value for name, value in filters.items() if value}
        return SearchResult.model_validate(self._sidecar.invoke(ORDER, "POST", "/search", query))

    def load_order(self, order_id: str) -> OrderSnapshot:
        """Return what is known of an order; raise NotFound."""
        if not ORDER_ID_PATTERN.fullmatch(order_id):
            raise NotFound("Order not found")
        changes = self.load_changes({"orders": {order_id: 0}})
        if not changes.orders:
            raise NotFound("Order not found")
        return changes.orders[0]

    def load_changes(self, query: dict[str, Any]) -> Changes:
        """Return what has changed; `query` is a `ChangesQuery` as JSON."""
        return Changes.model_validate(self._sidecar.invoke(ORDER, "POST", "/changes", query))

    def load_runtime_status(self, order_id: str) -> str:
        """Return the status that the engine has for the order's workflow."""
        return str(self._sidecar.invoke(WORKFLOW, "GET", f"/get-status/{order_id}"))

    def start_order(self, order: dict[str, Any]) -> None:
        """Accept an order and start its workflow; raise Refused when role `workflow` refuses it."""
        self._sidecar.invoke(WORKFLOW, "POST", "/start-order", order)

    def send_command(self, path: str, content: dict[str, Any], seconds: float) -> None:
        """POST a command on an order to role `workflow`; raise Refused when that role refuses it."""
        self._sidecar.invoke(WORKFLOW, "POST", path, content, seconds)
