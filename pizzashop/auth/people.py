"""The groups of callers that a route may admit, and the staff."""

import getpass
import os
from typing import NamedTuple

# Anybody.
PUBLIC = "public"
# Anybody who knows the order's id. The shop generates ids that cannot be guessed, so the link to an order is a secret.
CUSTOMER = "customer"
KITCHEN, COURIER, MANAGER = "kitchen", "courier", "manager"
# The role's own sidecar, which sends the token that Dapr calls APP_API_TOKEN.
INTERNAL = "internal"
# A program that collects metrics, such as Prometheus; it sends the token in PIZZASHOP_METRICS_TOKEN.
COLLECTOR = "collector"

STAFF_ROLES = (KITCHEN, COURIER, MANAGER)
EVERY_STAFF_ROLE = frozenset(STAFF_ROLES)
# All callers but the sidecar.
EXTERNAL = frozenset({PUBLIC, CUSTOMER, *STAFF_ROLES})
# The longest name of a member of the staff, in characters.
MAX_NAME_LENGTH = 60


class Person(NamedTuple):
    """A member of the staff: a name, and their roles of `STAFF_ROLES`."""

    name: str
    roles: frozenset[str]


def login_name() -> str:
    """Return the name of the user at this terminal; bytes in it that are not UTF-8 are replaced."""
    try:
        return os.fsencode(getpass.getuser()).decode(errors="replace")
    except (KeyError, OSError):
        # The user id of a container may have no name.
        return "operator"
