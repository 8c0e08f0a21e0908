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

_HEADLINES = {
    "accepted": "We have your order",
    "validating": "We're reading your order",
    "processing": "We're writing the ticket for your {pizza}",
    "confirmed": "Your {pizza} is next in the kitchen",
    "cooking_preparing_ingredients": "We're getting everything ready for your {pizza}",
    "cooking_making_dough": "We're making the dough of your {pizza}",
    "cooking_adding_toppings": "The toppings are going on your {pizza}",
    "cooking_baking": "Your {pizza} is in the oven",
    "cooking_quality_check": "Your {pizza} is out of the oven",
    "cooked": "Your {pizza} is ready",
    "pending_validation": "Your {pizza} waits for the manager's look",
    "delivery_finding_driver": "We're finding a driver for your {pizza}",
    "delivery_driver_assigned": "A driver is coming for your {pizza}",
    "delivery_picked_up": "Your {pizza} is on the scooter",
    "delivery_on_the_way": "Your {pizza} is on its way",
    "delivery_arriving": "Your {pizza} is almost there",
    "delivery_at_location": "Your {pizza} is at your door",
    "delivered": "Your {pizza} is there. Enjoy it!",
    "failed": "We could not make your {pizza}",
    "cancelled": "Your order was cancelled",
    "approved": "Your {pizza} is about to leave",
    "remake": "We're making your {pizza} again",
    "rejected": "Your {pizza} was not good enough",
}


def status_text(status: str) -> str:
    """The friendly words for a status, a verdict or an action; a name not known here is spelled out."""
    return _WORDS.get(status) or status.replace("_", " ")


def entry_text(status: str, by: str | None = None, note: str | None = None) -> str:
    """A status with who brought it about and why: `approved by ana: looks good`."""
    who = f" by {by}" if by else ""
    why = f": {note}" if note else ""
    return f"{status_text(status)}{who}{why}"


def remake_text(note: str | None = None) -> str:
    """What a customer hears when a pizza is made again, with the manager's reason."""
    reason = (note or "").strip()
    if not reason:
        return "The manager asked for a new one. We're making it again."
    stop = "" if reason[-1] in ".!?" else "."
    return f"The manager asked for a new one: {reason}{stop} We're making it again."


def headline(pizza: str, status: str) -> str:
    """How it stands with a customer's pizza, in one sentence; `status` may be the decision on it."""
    return _HEADLINES.get(status, "Your {pizza}: " + status_text(status)).replace("{pizza}", pizza)


def failure_text(error: str | None) -> str:
    """What a customer hears of a failure, of which the record has the technical words."""
    told = error or ""
    if told.startswith("Pizza validation failed - no decision"):
        return "Nobody of us looked at it in time. We are sorry."
    if told.startswith("Pizza validation failed"):
        return "It did not pass the manager's look, and we will not bring you a bad pizza. We are sorry."
    if told.startswith("Delivery failed"):
        return "It was ready, and we could not bring it to you. We are sorry."
    return "Something went wrong on our side. We are sorry."
