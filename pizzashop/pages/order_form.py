"""The menu, and the form with which a customer orders a pizza.

The page gives each form the id of its order. So a form that is sent twice makes one order. A form whose answer was lost
can be sent again.
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
from pizzashop.pages.backend import Backend
from pizzashop.presentation.menu import MENU, SIZES, Pizza, Size
from pizzashop.web.problems import RETRY_AFTER_SECONDS
from pizzashop.web.routes import Routes

MAX_FORM_BYTES = 16 * 1024
MAX_LENGTH = 200
MIN_PHONE_DIGITS = 5
# While the shop takes no order, the page sends its form again after these pauses: for half a minute.
RETRY_SECONDS = (1, 2, 4, 8, 8, 8)
# The fields to fill in, each with the error for an empty one.
MISSING_ERRORS = {
    "name": "Tell us your name, so that the driver knows whom to ask for",
    "address": "Tell us where to bring it",
    "phone": "Tell us your number, in case the driver cannot find you",
}


@dataclass(frozen=True)
class OrderForm:
    """One form: the id of its order, the chosen pizza and size, the texts by field, and the errors by field.

    `tries` is how often in a row the shop could not take its order.
    """

    order_id: str
    choice: tuple[Pizza, Size] | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    tries: int = 0

    @classmethod
    def empty(cls, pizza: str, size: str) -> Self:
        """Return a new form; a pizza and size of the menu are chosen already."""
        return cls(generate_order_id(), _parse_choice(f"{pizza}.{size}"))

    @classmethod
    def parse(cls, sent: Mapping[str, str]) -> Self:
        """Read the fields that a browser sent, without superfluous blanks and invisible characters."""
        texts = {name: " ".join(remove_invisible(sent.get(name, "")).split()) for name in MISSING_ERRORS}
        choice, order_id, tries = _parse_choice(sent.get("choice", "")), sent.get("order_id", ""), sent.get("tries", "")
        errors = {name: error for name, text in texts.items() if (error := _check(name, text))}
        if choice is None:
            errors["choice"] = "Choose a pizza first: one of its sizes"
        order_id = order_id if is_generated_id(order_id) else generate_order_id()
        return cls(order_id, choice, texts, errors, _parse_tries(tries))

    @property
    def order(self) -> dict[str, Any]:
        """The order that a form without errors makes."""
        assert self.choice is not None
        pizza, size = self.choice
        return {"order_id": self.order_id, "pizza_type": pizza.key, "size": size.name, "customer": dict(self.texts)}


def _parse_choice(choice: str) -> tuple[Pizza, Size] | None:
    key, _, name = choice.partition(".")
    pizza = next((each for each in MENU if each.key == key), None)
    size = next((each for each in SIZES if each.name == name), None)
    return (pizza, size) if pizza and size else None


def _parse_tries(tries: str) -> int:
    return int(tries) if tries in map(str, range(len(RETRY_SECONDS) + 1)) else 0


def _check(name: str, text: str) -> str:
    """Return what is wrong with a text, empty when it is right."""
    if not text:
        return MISSING_ERRORS[name]
    if len(text) > MAX_LENGTH:
        return f"That is too long: {MAX_LENGTH} characters at most"
    if not is_readable(text):
        return "There is a character in it that nobody can read: type it again"
    if name == "phone" and count_phone_digits(text) < MIN_PHONE_DIGITS:
        return f"A phone number has {MIN_PHONE_DIGITS} digits at least"
    return ""


def make_order_form_routes(backend: Backend) -> Routes:
    """Return the routes of the menu and its form."""
    routes = Routes("order_form")

    @routes.get("/", PUBLIC)
    def show() -> ResponseReturnValue:
        """The menu and the order form; `?pizza=` and `?size=` choose."""
        return _page(OrderForm.empty(request.args.get("pizza", ""), request.args.get("size", "")))

    @routes.post("/", PUBLIC)
    def place() -> ResponseReturnValue:
        """Order the pizza, and redirect to its page; or show the errors beside the fields."""
        request.max_content_length = MAX_FORM_BYTES
        form = OrderForm.parse(request.form)
        if form.errors:
            return _page(form), HTTPStatus.BAD_REQUEST
        try:
            backend.start_order(form.order)
        except Conflict:
            return _page(replace(form, order_id=generate_order_id()), used_id=form.order_id), HTTPStatus.CONFLICT
        except Unavailable:
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return _unavailable_page(form), HTTPStatus.SERVICE_UNAVAILABLE, headers
        return redirect(url_for("pages.customer.show", order_id=form.order_id), HTTPStatus.SEE_OTHER)

    return routes


def _unavailable_page(form: OrderForm) -> str:
    """Return the page that sends its form again by itself, or asks the customer to do so after the last try."""
    if form.tries < len(RETRY_SECONDS):
        retry_seconds = RETRY_SECONDS[form.tries]
        return _page(replace(form, tries=form.tries + 1), unavailable=True, retry_seconds=retry_seconds)
    return _page(replace(form, tries=0), unavailable=True)


def _page(form: OrderForm, **more: object) -> str:
    return render_template("menu.html", menu=MENU, sizes=SIZES, form=form, **more)
