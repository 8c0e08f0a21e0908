"""Who looks at a page: somebody of the staff, or a customer."""

from typing import NamedTuple

ROLES = ("kitchen", "manager", "courier")


class Staff(NamedTuple):
    """One of the staff, and which of `ROLES` they have."""

    name: str
    roles: frozenset[str]


OPEN_STAFF = Staff("the shop", frozenset(ROLES))
"""With no sign-in, whoever sits at this machine."""


def for_templates() -> dict[str, object]:
    """What every template knows: `staff`, and `csrf_field()` for its forms."""
    return {"staff": OPEN_STAFF, "csrf_field": lambda: ""}


def by() -> str:
    """Who acts, as an order's history has it."""
    return "the manager"
