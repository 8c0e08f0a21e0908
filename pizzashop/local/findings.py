"""What the checks of this machine say: a problem of a server, and the finding that `doctor` prints."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from pizzashop.errors import LocalError


class Problem(NamedTuple):
    """A problem of a server, and its remedy."""

    text: str
    remedy: str


@dataclass(frozen=True)
class Finding:
    """The result of one check: what was found, and the remedy. Only `wrong` keeps the shop from opening."""

    part: str
    state: Literal["ok", "note", "wrong"]
    found: str
    remedy: str = ""

    def require(self) -> None:
        """Raise LocalError if this keeps the shop from opening."""
        if self.state == "wrong":
            remedy = f": {self.remedy}" if self.remedy else ""
            raise LocalError(f"{self.found[0].upper()}{self.found[1:]}{remedy}.")
