"""What the staff's boards show, as it goes from role `order` to the pages."""

from hashlib import sha256

from pydantic import BaseModel

from pizzashop.domain.row import Row


class Counts(BaseModel):
    """The day in numbers."""

    open: int
    deciding: int
    late: int
    today: int
    failed: int


class Board(BaseModel):
    """Every open order, oldest first; `complete` says whether all of the day was read by now."""

    at: str
    orders: list[Row]
    counts: Counts
    hours: list[int]
    complete: bool

    @property
    def versions(self) -> dict[str, int]:
        """Which version of each order it shows."""
        return {row.order_id: row.version for row in self.orders}

    @property
    def mark(self) -> str:
        """What tells it from a board that shows something else."""
        shown = f"{sorted(self.versions.items())} {self.counts.late} {self.complete}"
        return sha256(shown.encode()).hexdigest()[:16]

    def in_phase(self, *phases: str) -> list[Row]:
        """The orders that are in one of these phases, oldest first."""
        return [row for row in self.orders if row.phase in phases]

    @property
    def deciding(self) -> list[Row]:
        """What waits for a decision: what is late first, then the oldest."""
        return sorted(self.in_phase("deciding"), key=lambda row: not row.is_late(self.at))

    @property
    def under_way(self) -> list[Row]:
        """Every other open order."""
        return [row for row in self.orders if row.phase != "deciding"]


class Found(BaseModel):
    """A page of the orders that were looked for, newest first, and how many there are in all."""

    at: str
    orders: list[Row]
    next: str | None
    found: int
    complete: bool
