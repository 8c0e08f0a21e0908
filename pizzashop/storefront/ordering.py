"""The menu, and the form with which a pizza is ordered.

The page gives each form the id of the order that it makes: so sent twice it makes one order, and one that was lost on
its way can be sent again.
"""

from dataclasses import replace
from http import HTTPStatus

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pizzashop.domain.errors import Conflict, Unavailable
from pizzashop.domain.ids import new_id
from pizzashop.domain.menu import MENU, SIZES
from pizzashop.problems import RETRY_AFTER_SECONDS
from pizzashop.storefront import asking
from pizzashop.storefront.order_form import OrderForm

MAX_FORM_BYTES = 16 * 1024

blueprint = Blueprint("ordering", __name__)


@blueprint.get("/")
def show() -> ResponseReturnValue:
    """The menu and the order form; `?pizza=` and `?size=` choose."""
    asked = request.args
    return _page(OrderForm.empty(asked.get("pizza", ""), asked.get("size", "")))


@blueprint.post("/")
def place() -> ResponseReturnValue:
    """Order the pizza, and lead to its page; or say beside the fields what is wrong with them."""
    request.max_content_length = MAX_FORM_BYTES
    form = OrderForm.read(request.form)
    if form.errors:
        return _page(form), HTTPStatus.BAD_REQUEST
    try:
        asking.tell_workflow("/start-order", form.order)
    except Conflict:
        return _page(replace(form, order_id=new_id()), used=form.order_id), HTTPStatus.CONFLICT
    except Unavailable:
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return _page(form, busy=True), HTTPStatus.SERVICE_UNAVAILABLE, headers
    return redirect(url_for("pages.following.show", order_id=form.order_id), HTTPStatus.SEE_OTHER)


def _page(form: OrderForm, **more: object) -> str:
    return render_template("menu.html", menu=MENU, sizes=SIZES, form=form, **more)
