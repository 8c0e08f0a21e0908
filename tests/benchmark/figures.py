"""One measured figure: its samples, and the goal that their median should reach."""

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Self


@dataclass(frozen=True)
class Figure:
    """Samples of one quantity. With a goal, the median should be at most the goal, or at least it if `at_least`.

    The fields are the keys of the JSON file. `workshop` is the value of the workshop's code on two cores, if known.
    """

    row: str
    name: str
    unit: str
    samples: list[float] = field(default_factory=list)
    goal: float | None = None
    at_least: bool = False
    workshop: str = ""

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Return the figure that `to_json` wrote."""
        return cls(**content)

    def to_json(self) -> dict[str, Any]:
        """Return the figure as JSON content."""
        return {**asdict(self), "samples": [round(sample, 5) for sample in self.samples]}

    @property
    def median(self) -> float:
        """The median of the samples."""
        return median(self.samples)

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None without a goal."""
        if self.goal is None:
            return None
        return self.median >= self.goal if self.at_least else self.median <= self.goal

    @property
    def median_text(self) -> str:
        """The median with its unit."""
        return format_number(self.median, self.unit)

    @property
    def spread_text(self) -> str:
        """The smallest and the largest sample, and the number of samples."""
        if len(self.samples) < 2:
            return "1 run"
        lowest, highest = format_number(min(self.samples)), format_number(max(self.samples))
        return f"{lowest} to {highest}, {len(self.samples)} runs"

    @property
    def goal_text(self) -> str:
        """The goal with its unit; empty without a goal."""
        return "" if self.goal is None else f"{'≥' if self.at_least else '≤'} {format_number(self.goal, self.unit)}"


def format_number(value: float, unit: str = "") -> str:
    """Return a number with about three digits, and its unit."""
    digits = 0 if abs(value) >= 100 or not value else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f} {unit}".strip()
