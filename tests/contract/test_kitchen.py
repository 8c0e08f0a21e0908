"""Role `kitchen`: cooks a pizza."""

from fakes.steps import StepContract

from pizzashop.roles import KITCHEN


class TestCook(StepContract):
    role, path = KITCHEN, "/cook"
    statuses = (
        "cooking_preparing_ingredients",
        "cooking_making_dough",
        "cooking_adding_toppings",
        "cooking_baking",
        "cooking_quality_check",
        "cooked",
    )
    answer = "cooked"
    fails_at, failed = "cooking_baking", "cooking_failed"
