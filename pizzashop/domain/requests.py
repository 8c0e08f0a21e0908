"""The requests of clients: their fields, types and limits, checked before the shop acts on them."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from pizzashop.domain.text import is_readable
from pizzashop.errors import InvalidRequest

_ORDER_ID = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
ORDER_ID_PATTERN = re.compile(_ORDER_ID)
# The fields that the shop adds to an order, in views, in events and for steps: a client may not send them, as a step
# would take them for its own. It may send `paused`, `overdue` and `at`: steps ignore them, and views replace them.
RESERVED_FIELDS = frozenset({"status", "history", "attempt", "error", "version", "run", "uid"})
MAX_NOTE_LENGTH = 500


def _require_readable(text: str) -> str:
    # Keep the text as it came: the same order sent again must be equal. Whoever shows the text cleans it.
    if not is_readable(text):
        raise ValueError("only printable characters")
    return text


def _require_digits(value: Any) -> Any:
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("a whole number")
    return value


OrderId = Annotated[str, Field(pattern=_ORDER_ID)]
ShortText = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_require_readable)]
Note = Annotated[str, Field(max_length=MAX_NOTE_LENGTH)]
# For a number in a query string: only digits, no sign, blank or underscore.
DigitsOnly = BeforeValidator(_require_digits)


class Request(BaseModel):
    """A JSON object from outside. Its types must match: no value is converted."""

    model_config = ConfigDict(strict=True, frozen=True)

    @classmethod
    def parse(cls, content: Any) -> Self:
        """Check `content` (parsed JSON). Raise InvalidRequest, which names every invalid field."""
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise invalid_request(error) from None


class Customer(Request):
    """Who the pizza is for."""

    model_config = ConfigDict(extra="allow")

    name: str = Field("", max_length=200)
    address: str = Field("", max_length=200)
    phone: str = Field("", max_length=200)


class OrderContent(Request):
    """The fields of every order. Other fields are kept and travel with it."""

    model_config = ConfigDict(extra="allow")

    order_id: OrderId
    pizza_type: ShortText
    size: ShortText
    customer: Customer = Field(default_factory=Customer)


class StepOrder(OrderContent):
    """An order as the workflow sends it to a step, with the fields that the shop added."""

    attempt: int = Field(1, ge=1, le=1000)
    uid: str | None = Field(None, max_length=64)


class NewOrder(OrderContent):
    """An order as a client sends it: without the fields that the shop sets itself."""

    @classmethod
    def parse(cls, content: Any) -> Self:
        """Check `content` as `Request.parse` does. Raise InvalidRequest for reserved fields too."""
        order = super().parse(content)
        taken = sorted(RESERVED_FIELDS & set(order.model_extra or ()))
        if taken:
            errors = [{"field": name, "message": "the shop itself uses this name"} for name in taken]
            raise InvalidRequest(f"The request is not valid: the shop itself uses the name {', '.join(taken)}", errors)
        return order


class OrderCommand(Request):
    """The order that a command is for, who sends it, and why."""

    order_id: OrderId
    by: Note | None = None
    note: Note | None = None


class DecisionRequest(OrderCommand):
    """The manager's decision on a pizza; without `attempt`, on the present one."""

    approved: bool
    remake: bool = False
    attempt: int | None = Field(None, ge=1, le=1000)

    @model_validator(mode="after")
    def _require_consistent(self) -> Self:
        if self.approved and self.remake:
            raise ValueError("remake goes with approved: false")
        return self

    @property
    def verdict(self) -> Literal["approved", "rejected", "remake"]:
        """The decision in one word, as the history stores it."""
        if self.approved:
            return "approved"
        return "remake" if self.remake else "rejected"


def check_order_id(order_id: Any) -> str:
    """Return `order_id`, of any type, if it is a valid one; raise InvalidRequest otherwise."""
    return OrderCommand.parse({"order_id": order_id}).order_id


def truncate_text(value: Any) -> str | None:
    """Cut an unchecked `by` or `note` to the length that is kept; None when it is not a text."""
    return value[:MAX_NOTE_LENGTH].encode(errors="replace").decode() if isinstance(value, str) else None


def invalid_request(error: ValidationError) -> InvalidRequest:
    """Convert a pydantic error to the shop's own, with one message for each invalid field."""
    errors = [
        {
            "field": ".".join(str(part) for part in each["loc"]),
            "message": each["msg"].removeprefix("Value error, "),
        }
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    summary = "; ".join(f"{each['field']}: {each['message']}".removeprefix(": ") for each in errors)
    return InvalidRequest(f"The request is not valid: {summary}", errors)
