"""An order's record as the shop answers it."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pizzashop.console.text import clean
from pizzashop.domain.errors import ShopError
from pizzashop.domain.history import Entry
from pizzashop.domain.order import FINAL


class Record(BaseModel):
    """What the commands need of a record; `raw` is all of it, as it came."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    order_id: str
    pizza_type: str = "pizza"
    size: str = ""
    customer: Any = None
    status: str
    attempt: int = 1
    paused: bool = False
    error: str | None = None
    history: tuple[Entry, ...] = ()
    raw: dict[str, Any] = Field(default_factory=dict, exclude=True, repr=False)

    @classmethod
    def parse(cls, answer: Any) -> Self:
        """Read an answer; raises ShopError where it is no record."""
        try:
            return cls.model_validate(answer | {"raw": answer} if isinstance(answer, dict) else answer)
        except ValidationError:
            raise ShopError("The answer is not an order of this shop.") from None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to the order."""
        return self.status in FINAL

    @property
    def pizza(self) -> str:
        """What was ordered: `pepperoni, large`."""
        return clean(", ".join(each for each in (self.pizza_type, self.size) if each))

    def last(self, status: str) -> Entry | None:
        """The last entry with this status."""
        return next((entry for entry in reversed(self.history) if entry.status == status), None)

    def decision_of(self, attempt: int) -> Entry | None:
        """The manager's decision on this attempt, if there is one."""
        decisions = (entry for entry in self.history if entry.kind == "decision" and entry.attempt == attempt)
        return next(decisions, None)
