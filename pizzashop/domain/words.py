"""What the shop says to people: a status, a decision or an operator's action in a few friendly words."""

_WORDS = {
    "accepted": "order received",
    "validating": "checking the order",
    "processing": "writing the ticket",
    "confirmed": "confirmed",
    "cooking_preparing_ingredients": "preparing the ingredients",
    "cooking_making_dough": "making the dough",
    "cooking_adding_toppings": "adding the toppings",
    "cooking_baking": "in the oven",
    "cooking_quality_check": "a last check in the kitchen",
    "cooked": "cooked",
    "pending_validation": "waiting for the manager",
    "delivery_finding_driver": "finding a driver",
    "delivery_driver_assigned": "a driver is coming for it",
    "delivery_picked_up": "picked up",
    "delivery_on_the_way": "on the way",
    "delivery_arriving": "almost there",
    "delivery_at_location": "at the door",
    "delivered": "delivered",
    "failed": "failed",
    "cancelling": "being cancelled",
    "cancelled": "cancelled",
    "approved": "approved",
    "rejected": "rejected",
    "remake": "sent back to be made again",
    "paused": "paused",
    "resumed": "resumed",
    "overdue": "waiting too long for the manager",
}


def say(status: str) -> str:
    """The friendly words for a status, a verdict or an action; a name not known here is spelled out."""
    return _WORDS.get(status) or status.replace("_", " ")


def say_who(status: str, by: str | None = None, note: str | None = None) -> str:
    """A status with who brought it about and why: `approved by ana: looks good`."""
    who = f" by {by}" if by else ""
    why = f": {note}" if note else ""
    return f"{say(status)}{who}{why}"


def say_again(note: str | None = None) -> str:
    """What a customer hears when a pizza is made again, with the manager's reason."""
    reason = (note or "").strip()
    if not reason:
        return "The manager asked for a new one. We're making it again."
    stop = "" if reason[-1] in ".!?" else "."
    return f"The manager asked for a new one: {reason}{stop} We're making it again."
