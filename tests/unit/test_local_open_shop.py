"""What `pizzashop doctor` says of an open shop: its parts, its orders, its dead letters."""

from typing import Any

import pytest
from fakes.shop import FakeShop

from pizzashop.console.shop import OrderRecord, ShopApi
from pizzashop.domain.history import utc_timestamp
from pizzashop.errors import NotAllowed, NotFound
from pizzashop.local.findings import Finding
from pizzashop.local.open_shop import check_dead_letters, check_late_orders, check_open_shop, check_stuck_orders
from pizzashop.presentation.boards import Board
from pizzashop.roles import ORDER


class Api(ShopApi):
    """A shop with these stuck orders; `workflow` is the status of each order's workflow, None if there is none."""

    def __init__(self, stuck: list[str] | None, workflow: str | None = "RUNNING", board: Any = None) -> None:
        super().__init__("http://127.0.0.1:1", "http://127.0.0.1:1")
        self._stuck, self._workflow, self._board = stuck, workflow, board
        self.dead_letters: list[str] = []

    def stuck_orders(self) -> list[str]:
        if self._stuck is None:
            raise NotAllowed("The shop requires a sign-in.")
        return self._stuck

    def get_order(self, order_id: str) -> OrderRecord:
        stage = {"status": "cooking_baking", "attempt": 1, "at": utc_timestamp()}
        return OrderRecord.parse({"order_id": order_id, "status": "cooking_baking", "attempt": 1, "history": [stage]})

    def workflow_status(self, order_id: str) -> str:
        if self._workflow is None:
            raise NotFound(order_id)
        return self._workflow

    def list_orders(self, **_: Any) -> dict[str, Any]:
        if self._stuck is None:
            raise NotAllowed("The shop requires a sign-in.")
        return {"orders": []}

    def list_dead_letters(self, **_: Any) -> dict[str, Any]:
        return {"events": self.dead_letters}

    def load_board(self) -> Board:
        return Board.model_validate(self._board)


@pytest.mark.parametrize(
    ("workflow", "found"), [("RUNNING", "workflow RUNNING"), ("STALLED", "workflow STALLED"), (None, "no workflow yet")]
)
def test_a_stuck_order_is_named_with_its_stage_and_its_workflow(workflow: str | None, found: str) -> None:
    finding = check_stuck_orders(Api(["a", "b", "c", "d"], workflow))
    assert finding.state == "note"
    assert finding.found.startswith("4 made no progress for a minute or longer: a (in the oven for 0:0")
    assert finding.found.count(found) == 3
    assert finding.found.endswith(") …")


def test_no_stuck_order_is_good() -> None:
    assert check_stuck_orders(Api([])) == Finding("Orders", "ok", "none in flight is stuck")


def test_a_shop_that_requires_a_sign_in_says_only_whether_its_parts_answer() -> None:
    assert [each.part for each in check_open_shop(Api(None), "127.0.0.1")] == ["Roles"]


@pytest.fixture
def board(shop: FakeShop) -> dict[str, Any]:
    """A board with one order that waits for the manager."""
    shop.place_and_run()
    content: dict[str, Any] = shop.client(ORDER).get("/board").json
    return content


def test_late_orders_are_counted_where_they_are(board: dict[str, Any]) -> None:
    assert check_late_orders(Api([], board=board)) == Finding("Late orders", "ok", "none of 1 open ones")
    row = {**board["orders"][0], "late_at": "2000-01-01T00:00:00.000000Z"}
    finding = check_late_orders(Api([], board={**board, "orders": [row]}))
    assert finding.found.startswith("1 of 1 open ones: 1 waiting for the manager; the longest for 0:0")
    assert finding.remedy == "pizzashop list --status pending_validation"


def test_late_orders_elsewhere_lead_to_the_logs(board: dict[str, Any]) -> None:
    row = {**board["orders"][0], "phase": "cooking", "late_at": "2000-01-01T00:00:00.000000Z"}
    finding = check_late_orders(Api([], board={**board, "orders": [row]}))
    assert ": 1 in the kitchen; " in finding.found
    assert finding.remedy == "pizzashop logs --level warning"


def test_dead_letters_are_named() -> None:
    api = Api([])
    assert check_dead_letters(api).state == "ok"
    api.dead_letters = ["one"]
    assert check_dead_letters(api).remedy == "pizzashop events"
