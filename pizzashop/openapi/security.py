"""Who may call an operation, as OpenAPI says it."""

from typing import Any

from pizzashop.access.origin import READING
from pizzashop.access.people import INTERNAL, PUBLIC, STAFF_ROLES
from pizzashop.access.table import ACCESS
from pizzashop.openapi.operation import Operation
from pizzashop.roles import Role

Json = dict[str, Any]

SCHEMES: Json = {
    "staff": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of somebody of the staff. Where nobody has to sign in, it is not needed.",
    },
    "sidecar": {
        "type": "apiKey",
        "in": "header",
        "name": "dapr-api-token",
        "description": "What the role's own sidecar shows it. Where APP_API_TOKEN is not set, it is not needed.",
    },
}


def of(role: Role, operation: Operation) -> Json:
    """The `security` of an operation, and who that is."""
    who = _who(role, operation)
    if PUBLIC in who:
        return {"security": []}
    staff = [each for each in STAFF_ROLES if each in who]
    schemes = [*(["staff"] if staff else []), *(["sidecar"] if INTERNAL in who else [])]
    return {"security": [{each: []} for each in schemes], "description": f"For {', '.join(sorted(who))}."}


def refusals(role: Role, operation: Operation) -> set[int]:
    """The statuses with which the guard may answer."""
    who = _who(role, operation)
    signing_in = {401} if who & set(STAFF_ROLES) else set[int]()
    return signing_in | ({403} if PUBLIC not in who or operation.method not in READING else set())


def _who(role: Role, operation: Operation) -> frozenset[str]:
    return ACCESS[role][f"{operation.method} {operation.path.replace('{', '<').replace('}', '>')}"]
