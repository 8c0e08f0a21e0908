"""The coordinates of what the templates draw: toppings on a pizza, and the day by the hour."""

from collections.abc import Sequence
from math import cos, pi, sin, sqrt
from typing import NamedTuple

GOLDEN_ANGLE = pi * (3 - sqrt(5))
PIECES_ON_A_PIZZA = 22
# How far from the middle a topping may lie, when the crust's outer edge is at 100.
MAX_DISTANCE = 62.0

# The day's chart is at least this many orders high, so that a single order is no full bar.
MIN_CHART_HEIGHT = 4


class Piece(NamedTuple):
    """One piece of a topping: its middle, and by how many degrees it is turned."""

    topping: str
    x: float
    y: float
    turn: int


def pieces(toppings: Sequence[str]) -> list[Piece]:
    """Spread the toppings like the seeds of a sunflower, so that no two pieces overlap."""
    return [_piece(toppings[number % len(toppings)], number) for number in range(PIECES_ON_A_PIZZA)]


def _piece(topping: str, number: int) -> Piece:
    angle, distance = number * GOLDEN_ANGLE, MAX_DISTANCE * sqrt((number + 0.5) / PIECES_ON_A_PIZZA)
    return Piece(topping, round(distance * cos(angle), 1), round(distance * sin(angle), 1), number * 67 % 360)


class HourBar(NamedTuple):
    """The orders of one hour, and its bar in percent of the chart."""

    hour: int
    orders: int
    x: float
    width: float
    y: float
    height: float


def hour_bars(orders_by_hour: Sequence[int]) -> list[HourBar]:
    """Return a bar for each hour of the day; the highest bar has the chart's full height."""
    width, highest = 100 / len(orders_by_hour), max(MIN_CHART_HEIGHT, *orders_by_hour)
    heights = [round(100 * orders / highest, 2) for orders in orders_by_hour]
    return [
        HourBar(hour, orders, round((hour + 0.12) * width, 2), round(0.76 * width, 2), round(100 - height, 2), height)
        for hour, (orders, height) in enumerate(zip(orders_by_hour, heights, strict=True))
    ]
