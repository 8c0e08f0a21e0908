"""The way of an order: its steps, their stages, and the statuses in the order in which they come."""

from typing import Literal, NamedTuple


class Stage(NamedTuple):
    """One stage of a step: the status that an order has while it lasts, and its seconds at pace 1."""

    status: str
    seconds: float


class Step(NamedTuple):
    """One step of an order, that one role does: its stages, and the status it ends with, well or badly."""

    name: Literal["order", "cook", "deliver"]
    stages: tuple[Stage, ...]
    done_status: str
    failed_status: str

    @property
    def announced(self) -> tuple[str, ...]:
        """The statuses that the step publishes, in their order."""
        return tuple(dict.fromkeys([*(stage.status for stage in self.stages), self.done_status]))


ORDER_STEP = Step(
    "order",
    (Stage("validating", 1), Stage("processing", 2), Stage("confirmed", 1)),
    "confirmed",
    "order_failed",
)
COOK_STEP = Step(
    "cook",
    (
        Stage("cooking_preparing_ingredients", 2),
        Stage("cooking_making_dough", 3),
        Stage("cooking_adding_toppings", 2),
        Stage("cooking_baking", 5),
        Stage("cooking_quality_check", 1),
    ),
    "cooked",
    "cooking_failed",
)
DELIVER_STEP = Step(
    "deliver",
    (
        Stage("delivery_finding_driver", 2),
        Stage("delivery_driver_assigned", 1),
        Stage("delivery_picked_up", 2),
        Stage("delivery_on_the_way", 5),
        Stage("delivery_arriving", 2),
        Stage("delivery_at_location", 1),
    ),
    "delivered",
    "delivery_failed",
)
STEPS = (ORDER_STEP, COOK_STEP, DELIVER_STEP)
STEP_BY_NAME = {step.name: step for step in STEPS}

ACCEPTED = "accepted"
PENDING_VALIDATION = "pending_validation"
DELIVERED = "delivered"
FAILED = "failed"
CANCELLED = "cancelled"
OVERDUE = "overdue"
"""No status of an order: what its history says when the decision on it is late."""

FINAL = frozenset({DELIVERED, FAILED, CANCELLED})

HAPPY_PATH = (
    ACCEPTED,
    *ORDER_STEP.announced,
    *COOK_STEP.announced,
    PENDING_VALIDATION,
    *DELIVER_STEP.announced,
)
"""What the history of an order that goes well shows, in this order."""

RANK = {status: rank for rank, status in enumerate(HAPPY_PATH)}
STATUSES = frozenset({*HAPPY_PATH, *FINAL})
