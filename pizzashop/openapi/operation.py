"""One operation of a role: a method and a path, what it takes, and what it answers."""

from dataclasses import dataclass

from pydantic import BaseModel


@dataclass(frozen=True)
class Operation:
    """`path` as OpenAPI writes it; `body` and `query` are the models that check them; `refuses` beyond the common."""

    method: str
    path: str
    answer: type[BaseModel]
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    refuses: tuple[int, ...] = ()
    internal: bool = False

    @property
    def refusals(self) -> list[int]:
        """Every status that is an error, but for 500: that would be a defect."""
        wrong_input = {400, 413, 415} if self.body else {400} if self.query else set[int]()
        return sorted({*wrong_input, *self.refuses, 421, 503})
