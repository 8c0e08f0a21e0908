"""A figure: what was measured, its samples, and the goal that it is held against."""

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Self


@dataclass(frozen=True)
class Figure:
    """Samples of one quantity; with a goal, the median is to be at most (or at least) that."""

    row: str
    name: str
    unit: str
    samples: list[float] = field(default_factory=list)
    goal: float | None = None
    at_least: bool = False
    workshop: str = ""
    """What the code of the workshop needs on two cores, where that is known."""

    @classmethod
    def read(cls, content: dict[str, Any]) -> Self:
        """One that was written before."""
        return cls(**content)

    def written(self) -> dict[str, Any]:
        """For `read`."""
        return {**asdict(self), "samples": [round(each, 5) for each in self.samples]}

    @property
    def median(self) -> float:
        """What it comes to."""
        return median(self.samples)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.goal is None:
            return None
        return self.median >= self.goal if self.at_least else self.median <= self.goal

    @property
    def value(self) -> str:
        """The median as it is printed."""
        return said(self.median, self.unit)

    @property
    def spread(self) -> str:
        """The least and the most, and of how many."""
        if len(self.samples) < 2:
            return "1 run"
        return f"{said(min(self.samples))} to {said(max(self.samples))}, {len(self.samples)} runs"

    @property
    def aim(self) -> str:
        """The goal as it is printed."""
        return "" if self.goal is None else f"{'≥' if self.at_least else '≤'} {said(self.goal, self.unit)}"


def said(value: float, unit: str = "") -> str:
    """A number with as many digits as say something."""
    digits = 0 if abs(value) >= 100 or not value else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f} {unit}".strip()
