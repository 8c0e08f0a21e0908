"""The table of statuses: every fact and every word about each status of an order, in the order in which they come.

A new stage is one row of `STATUS_TABLE`, and its name in `docs/contract.md`; a new scene also needs a drawing in
`pages/templates/_scene.html`. Tests compare both. `docs/how-to/add-a-stage.md` shows an example.
"""

from enum import StrEnum
from typing import Literal, NamedTuple

ACCEPTED = "accepted"
PENDING_VALIDATION = "pending_validation"
DELIVERED = "delivered"
FAILED = "failed"
CANCELLED = "cancelled"
FINAL = frozenset({DELIVERED, FAILED, CANCELLED})

# The action that a history holds when the decision on an order is late.
OVERDUE = "overdue"

StepName = Literal["order", "cook", "validate", "deliver"]

# The place of an order on the staff's boards.
Phase = Literal["to_make", "cooking", "deciding", "ending", "on_the_way", "ended"]


class Milestone(StrEnum):
    """The points of the line on the customer's page, in their order, with the customer's words."""

    ORDER = "Order taken"
    PREPARE = "Dough and toppings"
    BAKE = "In the oven"
    DECIDE = "The manager's look"
    DRIVE = "On its way"
    ARRIVE = "At your door"


class Picture(NamedTuple):
    """What the customer's page draws: the scene, and how far the pizza in it is made."""

    scene: str
    pizza: Literal["dough", "sauce", "whole"] = "whole"


class Status(NamedTuple):
    """One status of an order.

    `step` is the step that publishes it, None where no step does. `seconds` is its duration at pace 1, if it has one.
    `text` is for the staff, `headline` for the customer: it may contain `{pizza}`. `milestone` is None where the order
    keeps the milestone that it had.
    """

    name: str
    step: StepName | None
    seconds: float | None
    text: str
    headline: str
    phase: Phase
    milestone: Milestone | None
    picture: Picture


_ORDER, _PREPARE, _BAKE, _DECIDE, _DRIVE, _ARRIVE = Milestone
_TICKET, _DOUGH, _SAUCE = Picture("ticket"), Picture("table", "dough"), Picture("table", "sauce")

# fmt: off
STATUS_TABLE = (
    Status("accepted", None, None, "order received",
           "We have your order", "to_make", _ORDER, _TICKET),
    Status("validating", "order", 1, "checking the order",
           "We're reading your order", "to_make", _ORDER, _TICKET),
    Status("processing", "order", 2, "writing the ticket",
           "We're writing the ticket for your {pizza}", "to_make", _ORDER, _TICKET),
    Status("confirmed", "order", 1, "confirmed",
           "Your {pizza} is next in the kitchen", "to_make", _ORDER, _TICKET),
    Status("cooking_preparing_ingredients", "cook", 2, "preparing the ingredients",
           "We're getting everything ready for your {pizza}", "cooking", _PREPARE, _DOUGH),
    Status("cooking_making_dough", "cook", 3, "making the dough",
           "We're making the dough of your {pizza}", "cooking", _PREPARE, _DOUGH),
    Status("cooking_adding_toppings", "cook", 2, "adding the toppings",
           "The toppings are going on your {pizza}", "cooking", _PREPARE, _SAUCE),
    Status("cooking_baking", "cook", 5, "in the oven",
           "Your {pizza} is in the oven", "cooking", _BAKE, Picture("oven")),
    Status("cooking_quality_check", "cook", 1, "a last check in the kitchen",
           "Your {pizza} is out of the oven", "cooking", _BAKE, Picture("table")),
    Status("cooked", "cook", None, "cooked",
           "Your {pizza} is ready", "deciding", _DECIDE, Picture("bell")),
    Status("pending_validation", "validate", None, "waiting for the manager",
           "Your {pizza} waits for the manager's look", "deciding", _DECIDE, Picture("bell")),
    Status("delivery_finding_driver", "deliver", 2, "finding a driver",
           "We're finding a driver for your {pizza}", "on_the_way", _DRIVE, Picture("box")),
    Status("delivery_driver_assigned", "deliver", 1, "a driver is coming for it",
           "A driver is coming for your {pizza}", "on_the_way", _DRIVE, Picture("box")),
    Status("delivery_picked_up", "deliver", 2, "picked up",
           "Your {pizza} is on the scooter", "on_the_way", _DRIVE, Picture("scooter")),
    Status("delivery_on_the_way", "deliver", 5, "on the way",
           "Your {pizza} is on its way", "on_the_way", _DRIVE, Picture("scooter")),
    Status("delivery_arriving", "deliver", 2, "almost there",
           "Your {pizza} is almost there", "on_the_way", _DRIVE, Picture("scooter")),
    Status("delivery_at_location", "deliver", 1, "at the door",
           "Your {pizza} is at your door", "on_the_way", _ARRIVE, Picture("door")),
    Status("delivered", "deliver", None, "delivered",
           "Your {pizza} is there. Enjoy it!", "ended", _ARRIVE, Picture("served")),
    Status("failed", None, None, "failed",
           "We could not make your {pizza}", "ended", None, Picture("plate")),
    Status("cancelled", None, None, "cancelled",
           "Your order was cancelled", "ended", None, Picture("plate")),
)
# fmt: on
STATUS_BY_NAME = {status.name: status for status in STATUS_TABLE}
STATUSES = frozenset(STATUS_BY_NAME)

# The statuses that the history of a successful order holds, in their order.
HAPPY_PATH = tuple(status.name for status in STATUS_TABLE if status.name not in (FAILED, CANCELLED))
# The place of each status on the happy path.
RANK = {status: rank for rank, status in enumerate(HAPPY_PATH)}


class DecisionWords(NamedTuple):
    """What the manager can decide on a cooked pizza, and what the pages show until the next stage begins."""

    name: str
    text: str
    headline: str
    phase: Phase
    picture: Picture


DECISION_TABLE = (
    DecisionWords("approved", "approved", "Your {pizza} is about to leave", "on_the_way", Picture("box")),
    DecisionWords("remake", "sent back to be made again", "We're making your {pizza} again", "to_make", _DOUGH),
    DecisionWords("rejected", "rejected", "Your {pizza} was not good enough", "ending", Picture("plate")),
)
DECISION_BY_NAME = {decision.name: decision for decision in DECISION_TABLE}

# The words for the actions in a history, and for an order that is being cancelled.
_ACTION_TEXTS = {
    "paused": "paused",
    "resumed": "resumed",
    OVERDUE: "waiting too long for the manager",
    "cancelling": "being cancelled",
}
_TEXTS = {row.name: row.text for row in (*STATUS_TABLE, *DECISION_TABLE)} | _ACTION_TEXTS


class TimedStage(NamedTuple):
    """One stage that has a duration: the status that an order has meanwhile, and its seconds at pace 1."""

    status: str
    seconds: float


class Step(NamedTuple):
    """One step of an order, which one role does: its stages with a duration, and its last status by its outcome."""

    name: StepName
    timed_stages: tuple[TimedStage, ...]
    done_status: str
    failed_status: str

    @property
    def seconds(self) -> float:
        """How long the step lasts at pace 1."""
        return sum(stage.seconds for stage in self.timed_stages)

    @property
    def published_statuses(self) -> tuple[str, ...]:
        """The statuses of all stages of the step, in their order."""
        return tuple(dict.fromkeys([*(stage.status for stage in self.timed_stages), self.done_status]))


def _step(name: StepName, failed_status: str) -> Step:
    rows = [status for status in STATUS_TABLE if status.step == name]
    stages = tuple(TimedStage(row.name, row.seconds) for row in rows if row.seconds is not None)
    return Step(name, stages, rows[-1].name, failed_status)


ORDER_STEP = _step("order", "order_failed")
COOK_STEP = _step("cook", "cooking_failed")
# Role `workflow` runs this one: it puts the pizza before the manager.
VALIDATE_STEP = _step("validate", "validation_failed")
DELIVER_STEP = _step("deliver", "delivery_failed")
STEPS = (ORDER_STEP, COOK_STEP, VALIDATE_STEP, DELIVER_STEP)
STEP_BY_NAME: dict[str, Step] = {step.name: step for step in STEPS}


def status_text(status: str) -> str:
    """Return the words for a status, a decision or an action; an unknown name with blanks for its underscores."""
    return _TEXTS.get(status) or status.replace("_", " ")


def entry_text(status: str, by: str | None = None, note: str | None = None) -> str:
    """Return the words for an entry of the history, with its author and note: `approved by ana: looks good`."""
    # No person notes that a decision is overdue: its author is "the clock".
    author = f" by {by}" if by and status != OVERDUE else ""
    reason = f": {note}" if note else ""
    return f"{status_text(status)}{author}{reason}"


def remake_text(note: str | None = None) -> str:
    """Tell the customer that the pizza is made again, with the manager's note as the reason."""
    reason = (note or "").strip()
    if not reason:
        return "The manager asked for a new one. We're making it again."
    stop = "" if reason[-1] in ".!?" else "."
    return f"The manager asked for a new one: {reason}{stop} We're making it again."


class Failure(NamedTuple):
    """A way to fail: how the error in the record begins, the reason in the metrics, and the text for the customer."""

    error_prefix: str
    reason: str
    text: str


_NOT_APPROVED = "It did not pass the manager's look, and we will not bring you a bad pizza. We are sorry."
_OUR_FAULT = "Something went wrong on our side. We are sorry."
# The first row whose prefix fits the error counts. The last row fits every error.
FAILURE_TABLE = (
    Failure("Order failed", "order", _OUR_FAULT),
    Failure("Cooking failed", "cooking", _OUR_FAULT),
    Failure("Pizza validation failed - no decision", "no_decision", "Nobody of us looked at it in time. We are sorry."),
    Failure("Pizza validation failed - need to remake", "rejected", _NOT_APPROVED),
    Failure("Pizza validation failed - remade too often", "remade_too_often", _NOT_APPROVED),
    Failure("Pizza validation failed", "validation", _NOT_APPROVED),
    Failure("Delivery failed", "delivery", "It was ready, and we could not bring it to you. We are sorry."),
    Failure("", "other", _OUR_FAULT),
)


def find_failure(error: str | None) -> Failure:
    """Return the row of the way in which an order failed; `error` is that of its record."""
    return next(failure for failure in FAILURE_TABLE if (error or "").startswith(failure.error_prefix))
