"""What a client may send: each request's shape and limits, checked before anything happens."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from pizzashop.domain.history import MAX_HISTORY, HistoryEntry
from pizzashop.domain.text import is_readable
from pizzashop.errors import InvalidRequest

ORDER_ID = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
ORDER_ID_PATTERN = re.compile(ORDER_ID)
RESERVED = frozenset({"status", "history", "attempt", "error", "version", "run", "uid"})


def _readable(text: str) -> str:
    # It is kept as it came: sent again, it has to be the same order. It is cleaned where somebody reads it.
    if not is_readable(text):
        raise ValueError("only printable characters")
    return text


OrderId = Annotated[str, Field(pattern=ORDER_ID)]
ShortText = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_readable)]
MAX_NOTE = 500
DigitsOnly = BeforeValidator(lambda said: _digits(said))
"""A number as a query has it: its digits, and no other way to write it."""
Note = Annotated[str, Field(max_length=MAX_NOTE)]


class Request(BaseModel):
    """A JSON object from outside: types as they stand, nothing converted."""

    model_config = ConfigDict(strict=True, frozen=True)

    @classmethod
    def parse(cls, content: Any) -> Self:
        """Check `content` (parsed JSON); raises InvalidRequest, which names every field at fault."""
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
    """What every order says, wherever it comes from; other fields travel with it."""

    model_config = ConfigDict(extra="allow")

    order_id: OrderId
    pizza_type: ShortText
    size: ShortText
    customer: Customer = Field(default_factory=Customer)


class StepOrder(OrderContent):
    """An order as it travels from step to step, with what the shop has added to it."""

    attempt: int = Field(1, ge=1, le=1000)
    uid: str | None = Field(None, max_length=64)
    history: list[HistoryEntry] = Field(default_factory=list, max_length=MAX_HISTORY)


class NewOrder(OrderContent):
    """An order as a client places it: the shop's own names are not for the client to set."""

    @classmethod
    def parse(cls, content: Any) -> Self:
        """As any request; raises InvalidRequest for each of the shop's own names too."""
        order = super().parse(content)
        taken = sorted(RESERVED & set(order.model_extra or ()))
        if taken:
            errors = [{"field": name, "message": "the shop itself uses this name"} for name in taken]
            raise InvalidRequest(f"The request is not valid: the shop itself uses the name {', '.join(taken)}", errors)
        return order


class OrderRef(Request):
    """Which order a command is about, who gives it, and why."""

    order_id: OrderId
    by: Note | None = None
    note: Note | None = None


class Decision(OrderRef):
    """What the manager says of a pizza; without `attempt`, of the present one."""

    approved: bool
    remake: bool = False
    attempt: int | None = Field(None, ge=1, le=1000)

    @model_validator(mode="after")
    def _good_pizzas_are_not_remade(self) -> Self:
        if self.approved and self.remake:
            raise ValueError("remake goes with approved: false")
        return self

    @property
    def verdict(self) -> Literal["approved", "rejected", "remake"]:
        """The decision in one word, as the history has it."""
        if self.approved:
            return "approved"
        return "remake" if self.remake else "rejected"


def _digits(said: Any) -> Any:
    if isinstance(said, str) and not (said.isascii() and said.isdigit()):
        raise ValueError("a whole number")
    return said


def truncate_text(said: Any) -> str | None:
    """A `by` or a `note` that nobody has checked, as far as it can be kept; None where it is no text."""
    return said[:MAX_NOTE].encode(errors="replace").decode() if isinstance(said, str) else None


def invalid_request(error: ValidationError) -> InvalidRequest:
    """A pydantic error as the shop says it."""
    errors = [
        {
            "field": ".".join(str(part) for part in each["loc"]),
            "message": each["msg"].removeprefix("Value error, "),
        }
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    said = "; ".join(f"{each['field']}: {each['message']}".removeprefix(": ") for each in errors)
    return InvalidRequest(f"The request is not valid: {said}", errors)
