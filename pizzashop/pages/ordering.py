"""The menu, and the form with which a pizza is ordered.

The page gives each form the id of the order that it makes: so sent twice it makes one order, and one that was lost on
its way can be sent again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Self

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pizzashop.auth.people import PUBLIC
from pizzashop.domain.ids import generate_order_id, is_generated_id
from pizzashop.domain.text import count_phone_digits, is_readable, remove_invisible
from pizzashop.errors import Conflict, Unavailable
from pizzashop.pages import queries
from pizzashop.presentation.menu import MENU, SIZES, Pizza, Size
from pizzashop.web.problems import RETRY_AFTER_SECONDS
from pizzashop.web.routes import Routes

MAX_LENGTH = 200
FEWEST_DIALLED = 5
MISSING = {
    "name": "Tell us your name, so that the driver knows whom to ask for",
    "address": "Tell us where to bring it",
    "phone": "Tell us your number, in case the driver cannot find you",
}


@dataclass(frozen=True)
class OrderForm:
    """One form: the id that its page gave it, what was chosen, and what was written; `errors` by field."""

    order_id: str
    choice: tuple[Pizza, Size] | None = None
    written: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def empty(cls, pizza: str = "", size: str = "") -> Self:
        """A new form, with a pizza chosen already where it is one of the menu."""
        return cls(generate_order_id(), _chosen(f"{pizza}.{size}"))

    @classmethod
    def read(cls, sent: Mapping[str, str]) -> Self:
        """Read what was sent, without blanks around words and without what nobody meant to write."""
        written = {name: " ".join(remove_invisible(sent.get(name, "")).split()) for name in MISSING}
        choice, order_id = _chosen(sent.get("choice", "")), sent.get("order_id", "")
        wrong = {name: _wrong(name, text) for name, text in written.items()}
        if choice is None:
            wrong["choice"] = "Choose a pizza first: one of its sizes"
        errors = {name: said for name, said in wrong.items() if said}
        return cls(order_id if is_generated_id(order_id) else generate_order_id(), choice, written, errors)

    @property
    def order(self) -> dict[str, Any]:
        """The order that it makes, once nothing is wrong with it."""
        assert self.choice is not None
        pizza, size = self.choice
        return {
            "order_id": self.order_id,
            "pizza_type": pizza.key,
            "size": size.name,
            "customer": dict(self.written),
        }


def _chosen(choice: str) -> tuple[Pizza, Size] | None:
    key, _, name = choice.partition(".")
    pizza = next((each for each in MENU if each.key == key), None)
    size = next((each for each in SIZES if each.name == name), None)
    return (pizza, size) if pizza and size else None


def _wrong(name: str, text: str) -> str:
    if not text:
        return MISSING[name]
    if len(text) > MAX_LENGTH:
        return f"That is too long: {MAX_LENGTH} characters at most"
    if not is_readable(text):
        return "There is a character in it that nobody can read: write it anew"
    if name == "phone" and count_phone_digits(text) < FEWEST_DIALLED:
        return f"A phone number has {FEWEST_DIALLED} digits at least"
    return ""


MAX_FORM_BYTES = 16 * 1024

routes = Routes("ordering")


@routes.get("/", PUBLIC)
def show() -> ResponseReturnValue:
    """The menu and the order form; `?pizza=` and `?size=` choose."""
    asked = request.args
    return _page(OrderForm.empty(asked.get("pizza", ""), asked.get("size", "")))


@routes.post("/", PUBLIC)
def place() -> ResponseReturnValue:
    """Order the pizza, and lead to its page; or say beside the fields what is wrong with them."""
    request.max_content_length = MAX_FORM_BYTES
    form = OrderForm.read(request.form)
    if form.errors:
        return _page(form), HTTPStatus.BAD_REQUEST
    try:
        queries.send_command("/start-order", form.order)
    except Conflict:
        return _page(replace(form, order_id=generate_order_id()), used=form.order_id), HTTPStatus.CONFLICT
    except Unavailable:
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return _page(form, busy=True), HTTPStatus.SERVICE_UNAVAILABLE, headers
    return redirect(url_for("pages.following.show", order_id=form.order_id), HTTPStatus.SEE_OTHER)


def _page(form: OrderForm, **more: object) -> str:
    return render_template("menu.html", menu=MENU, sizes=SIZES, form=form, **more)
