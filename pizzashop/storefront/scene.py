"""What is drawn of an order at each moment of its way."""

from typing import NamedTuple


class Scene(NamedTuple):
    """`place` is what stands around the pizza, `made` how far the pizza itself has come."""

    place: str
    made: str = "whole"


_SCENES = {
    "cooking_preparing_ingredients": Scene("table", "dough"),
    "cooking_making_dough": Scene("table", "dough"),
    "cooking_adding_toppings": Scene("table", "sauce"),
    "cooking_baking": Scene("oven"),
    "cooking_quality_check": Scene("table"),
    "cooked": Scene("bell"),
    "pending_validation": Scene("bell"),
    "approved": Scene("box"),
    "remake": Scene("table", "dough"),
    "rejected": Scene("plate"),
    "delivery_finding_driver": Scene("box"),
    "delivery_driver_assigned": Scene("box"),
    "delivery_picked_up": Scene("scooter"),
    "delivery_on_the_way": Scene("scooter"),
    "delivery_arriving": Scene("scooter"),
    "delivery_at_location": Scene("door"),
    "delivered": Scene("served"),
    "failed": Scene("plate"),
    "cancelled": Scene("plate"),
}


def scene(status: str) -> Scene:
    """What is drawn for a status or a decision; before the kitchen has begun, the ticket."""
    return _SCENES.get(status, Scene("ticket"))
