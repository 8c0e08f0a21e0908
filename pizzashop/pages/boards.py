"""The boards that the staff watch: the kitchen's and the courier's pages, and what the manager's shares with them."""

from flask import render_template
from flask.typing import ResponseReturnValue

from pizzashop.auth.people import COURIER, KITCHEN
from pizzashop.pages.backend import Backend
from pizzashop.pages.drawings import hour_bars
from pizzashop.presentation.boards import Board
from pizzashop.web.routes import Routes

# How many orders each list of a board shows at most; the list then says how many more there are.
MAX_ORDERS = {"kitchen": 24, "manager": 40, "delivery": 60}


def make_board_routes(backend: Backend) -> Routes:
    """Return the routes of the kitchen's and the courier's board."""
    routes = Routes("boards")

    @routes.get("/kitchen", KITCHEN)
    def kitchen() -> ResponseReturnValue:
        """The kitchen's board."""
        return render_page("kitchen", backend.load_board())

    @routes.get("/delivery", COURIER)
    def delivery() -> ResponseReturnValue:
        """The orders that are on their way."""
        return render_page("delivery", backend.load_board())

    return routes


def render_page(name: str, board: Board, **more: object) -> str:
    """Return the page of the board `name`: `kitchen`, `manager` or `delivery`."""
    return render_template(f"{name}.html", **_context(name, board), **more)


def render_board(name: str, board: Board) -> str:
    """Return the HTML of the part of the page that changes."""
    return render_template(f"_{name}.html", **_context(name, board))


def _context(name: str, board: Board) -> dict[str, object]:
    return {"board": board, "max_orders": MAX_ORDERS[name], "bars": hour_bars(board.hours)}
