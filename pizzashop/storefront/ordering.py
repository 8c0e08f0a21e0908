"""The menu, and the form with which a pizza is ordered."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from pizzashop.domain.menu import MENU, SIZES

blueprint = Blueprint("ordering", __name__)


@blueprint.get("/")
def show() -> ResponseReturnValue:
    """The menu and the order form."""
    return render_template("menu.html", menu=MENU, sizes=SIZES)
