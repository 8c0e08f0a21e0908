"""The day as a chart: a bar for each hour, in percent of the width and height."""

from collections.abc import Sequence
from typing import NamedTuple

FEW = 4
"""The scale reaches at least so far: one order is no full bar."""


class Bar(NamedTuple):
    """One hour: how many orders, and where its bar stands, from the left and from the top."""

    hour: int
    orders: int
    x: float
    width: float
    y: float
    height: float


def bars(hours: Sequence[int]) -> list[Bar]:
    """A bar for each hour of the day, the highest at full height."""
    step, most = 100 / len(hours), max(FEW, *hours)
    return [_bar(hour, orders, step, round(100 * orders / most, 2)) for hour, orders in enumerate(hours)]


def _bar(hour: int, orders: int, step: float, height: float) -> Bar:
    x, width = round((hour + 0.12) * step, 2), round(0.76 * step, 2)
    return Bar(hour, orders, x, width, round(100 - height, 2), height)
