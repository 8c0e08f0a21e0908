"""The table of who may call what, held against the routes of every role and against docs/access.md."""

import re
from pathlib import Path

import pytest
from fakes.shop import FakeShop

from pizzashop.auth.people import EVERYBODY, INTERNAL
from pizzashop.auth.permissions import PERMISSIONS, routes
from pizzashop.roles import ROLES, Role

PAGE = (Path(__file__).parents[2] / "docs/access.md").read_text()
TABLE = "pizzashop/auth/permissions.py"

every_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def rows(role: Role) -> dict[str, set[str]]:
    """What docs/access.md says of a role's routes: who may call each."""
    section = PAGE.split(f"\n### Role `{role.name}`\n")[1].split("\n#")[0]
    found = re.findall(r"^\| `([A-Z]+ /[^`]*)` \| ([^|]+) \|$", section, re.MULTILINE)
    return {route.replace("<id>", "<order_id>"): set(who.strip().split(", ")) for route, who in found}


@every_role
def test_every_route_says_who_may_call_it(role: Role, shop: FakeShop) -> None:
    found = {f"{method} {path}" for _, method, path in routes(shop.sidecar.apps[role])}
    missing = sorted(found - PERMISSIONS[role].keys())
    assert not missing, f"say in {TABLE} and in docs/access.md who may call {', '.join(missing)} of role {role.name}"
    gone = sorted(PERMISSIONS[role].keys() - found)
    assert not gone, f"role {role.name} has no route {', '.join(gone)} (any more): take it out of {TABLE}"


@every_role
def test_who_they_are_is_somebody(role: Role) -> None:
    assert [route for route, who in PERMISSIONS[role].items() if not who or who - EVERYBODY - {INTERNAL}] == []


@every_role
def test_the_page_says_the_same(role: Role) -> None:
    said, meant = rows(role), {route: set(who) for route, who in PERMISSIONS[role].items()}
    wrong = sorted(route for route in said.keys() | meant.keys() if said.get(route) != meant.get(route))
    assert not wrong, f"docs/access.md and {TABLE} differ in {', '.join(wrong)} of role {role.name}"
