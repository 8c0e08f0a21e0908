"""The pages that the staff look at all day: the kitchen's board, the manager's desk, the courier's list."""

from collections.abc import Callable

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from pizzashop.domain.board import Board
from pizzashop.domain.record import Record
from pizzashop.domain.requests import ORDER_ID_FORM
from pizzashop.storefront import asking
from pizzashop.storefront.acting import done_by
from pizzashop.storefront.chart import bars

blueprint = Blueprint("boards", __name__)

SHOWN = {"kitchen": 24, "manager": 40, "delivery": 60}
"""How many orders of a kind a board shows; it says how many more there are."""


@blueprint.get("/kitchen")
def kitchen() -> ResponseReturnValue:
    """The kitchen's board."""
    return _page("kitchen")


@blueprint.get("/manager")
def manager() -> ResponseReturnValue:
    """The manager's desk; `?said=` and `?order=` name what was done just now."""
    text, order_id = done_by(request.args.get("said", "")), request.args.get("order", "")
    known = order_id if ORDER_ID_FORM.fullmatch(order_id) else ""
    return _page("manager", done={"order_id": known, "text": text} if text else None)


@blueprint.get("/delivery")
def delivery() -> ResponseReturnValue:
    """What is on its way."""
    return _page("delivery")


def desk(order_id: str, trouble: str) -> str:
    """The manager's desk, which says what could not be done to an order."""
    return _page("manager", trouble={"order_id": order_id, "text": trouble})


def region(name: str) -> Callable[[Record | Board], str]:
    """What makes the part of a board that changes, as HTML."""

    def render(state: Record | Board) -> str:
        assert isinstance(state, Board)
        return render_template(f"_{name}.html", **_shown(name, state))

    return render


def _page(name: str, **more: object) -> str:
    return render_template(f"{name}.html", **_shown(name, asking.board()), **more)


def _shown(name: str, board: Board) -> dict[str, object]:
    return {"board": board, "most": SHOWN[name], "bars": bars(board.hours)}
