"""The pages that the staff look at all day: the kitchen's board, the manager's desk, the courier's list."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from flask import render_template, request
from flask.typing import ResponseReturnValue

from pizzashop.auth.people import COURIER, KITCHEN, MANAGER
from pizzashop.domain.record import Record
from pizzashop.domain.requests import ORDER_ID_PATTERN
from pizzashop.pages import queries
from pizzashop.pages.actions import done_text
from pizzashop.presentation.boards import Board
from pizzashop.web.routes import Routes

FEW = 4
"""The scale reaches at least so far: one order is no full bar."""


class Bar(NamedTuple):
    """One hour: how many orders, and where its bar stands, from the left and from the top."""

    hour: int
    orders: int
    x: float
    width: float
    y: float
    height: float


def bars(hours: Sequence[int]) -> list[Bar]:
    """A bar for each hour of the day, the highest at full height."""
    step, most = 100 / len(hours), max(FEW, *hours)
    return [_bar(hour, orders, step, round(100 * orders / most, 2)) for hour, orders in enumerate(hours)]


def _bar(hour: int, orders: int, step: float, height: float) -> Bar:
    x, width = round((hour + 0.12) * step, 2), round(0.76 * step, 2)
    return Bar(hour, orders, x, width, round(100 - height, 2), height)


routes = Routes("boards")

SHOWN = {"kitchen": 24, "manager": 40, "delivery": 60}
"""How many orders of a kind a board shows; it says how many more there are."""


@routes.get("/kitchen", KITCHEN)
def kitchen() -> ResponseReturnValue:
    """The kitchen's board."""
    return _page("kitchen")


@routes.get("/manager", MANAGER)
def manager() -> ResponseReturnValue:
    """The manager's desk; `?said=` and `?order=` name what was done just now."""
    text, order_id = done_text(request.args.get("said", "")), request.args.get("order", "")
    known = order_id if ORDER_ID_PATTERN.fullmatch(order_id) else ""
    return _page("manager", done={"order_id": known, "text": text} if text else None)


@routes.get("/delivery", COURIER)
def delivery() -> ResponseReturnValue:
    """What is on its way."""
    return _page("delivery")


def desk(order_id: str, trouble: str) -> str:
    """The manager's desk, which says what could not be done to an order."""
    return _page("manager", trouble={"order_id": order_id, "text": trouble})


def board_region(name: str) -> Callable[[Record | Board], str]:
    """What makes the part of a board that changes, as HTML."""

    def render(state: Record | Board) -> str:
        assert isinstance(state, Board)
        return render_template(f"_{name}.html", **_board_context(name, state))

    return render


def _page(name: str, **more: object) -> str:
    return render_template(f"{name}.html", **_board_context(name, queries.board()), **more)


def _board_context(name: str, board: Board) -> dict[str, object]:
    return {"board": board, "most": SHOWN[name], "bars": bars(board.hours)}
