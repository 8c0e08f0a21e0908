"""What a route may be open to, and who comes to it."""

import getpass
import os
from typing import NamedTuple

PUBLIC = "public"
CUSTOMER = "customer"
"""Whoever has an order's own link: its id is one of the shop's making, which nobody guesses."""
KITCHEN, COURIER, MANAGER = "kitchen", "courier", "manager"
INTERNAL = "internal"
"""The sidecar of this very role, which shows the token that Dapr calls APP_API_TOKEN."""

STAFF_ROLES = (KITCHEN, COURIER, MANAGER)
EXTERNAL = frozenset({PUBLIC, CUSTOMER, *STAFF_ROLES})


class Person(NamedTuple):
    """One of the staff: a name, and which of `STAFF_ROLES` they have."""

    name: str
    roles: frozenset[str]


def make_person(name: str, roles: frozenset[str]) -> Person:
    """One of the staff; a manager may do whatever anybody of the staff may."""
    return Person(name, frozenset(STAFF_ROLES) if MANAGER in roles else roles)


def login_name() -> str:
    """Who is at this terminal; what is not UTF-8 in the name is replaced."""
    try:
        return os.fsencode(getpass.getuser()).decode(errors="replace")
    except (KeyError, OSError):  # a container may run under a number that has no name
        return "operator"
