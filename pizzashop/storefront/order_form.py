"""What the order form asks for, and what is wrong with what it got."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from pizzashop.domain.ids import is_own, new_id
from pizzashop.domain.menu import MENU, SIZES, Pizza, Size
from pizzashop.domain.text import clean, count_dialled, is_readable

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
        return cls(new_id(), _chosen(f"{pizza}.{size}"))

    @classmethod
    def read(cls, sent: Mapping[str, str]) -> Self:
        """Read what was sent, without blanks around words and without what nobody meant to write."""
        written = {name: " ".join(clean(sent.get(name, "")).split()) for name in MISSING}
        choice, order_id = _chosen(sent.get("choice", "")), sent.get("order_id", "")
        wrong = {name: _wrong(name, text) for name, text in written.items()}
        if choice is None:
            wrong["choice"] = "Choose a pizza first: one of its sizes"
        errors = {name: said for name, said in wrong.items() if said}
        return cls(order_id if is_own(order_id) else new_id(), choice, written, errors)

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
    if name == "phone" and count_dialled(text) < FEWEST_DIALLED:
        return f"A phone number has {FEWEST_DIALLED} digits at least"
    return ""
