"""What `pizzashop doctor` found out about one part."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Finding:
    """A part, whether the shop can run with it (`note`: it can, but look), what was found, what mends it."""

    part: str
    state: State
    found: str
    mend: str = ""
