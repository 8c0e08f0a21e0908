"""Where the toppings lie: the same pizza always looks the same."""

from collections.abc import Sequence
from math import cos, pi, sin, sqrt
from typing import NamedTuple

GOLDEN_ANGLE = pi * (3 - sqrt(5))
PIECES = 22
REACH = 62.0
"""How far from the middle a topping may lie, where the crust's outer edge is at 100."""


class Piece(NamedTuple):
    """One piece of a topping: its middle, and by how many degrees it is turned."""

    topping: str
    x: float
    y: float
    turn: int


def pieces(toppings: Sequence[str]) -> list[Piece]:
    """Spread the toppings as a sunflower does its seeds, so that no two lie on one another."""
    return [_piece(toppings[number % len(toppings)], number) for number in range(PIECES)] if toppings else []


def _piece(topping: str, number: int) -> Piece:
    angle, distance = number * GOLDEN_ANGLE, REACH * sqrt((number + 0.5) / PIECES)
    return Piece(topping, round(distance * cos(angle), 1), round(distance * sin(angle), 1), number * 67 % 360)
