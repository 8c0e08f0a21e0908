"""Who may call what, as the routes declare it, held against the routes of every role and against docs/access.md."""

import re
from pathlib import Path

import pytest
from fakes.shop import FakeShop

from pizzashop.auth.people import EXTERNAL, INTERNAL
from pizzashop.roles import ROLES, Role
from pizzashop.web.routes import declared_routes, routes_of

PAGE = (Path(__file__).parents[2] / "docs/access.md").read_text()

every_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def rows(role: Role) -> dict[str, set[str]]:
    """What docs/access.md says of a role's routes: who may call each."""
    section = PAGE.split(f"\n### Role `{role.name}`\n")[1].split("\n#")[0]
    found = re.findall(r"^\| `([A-Z]+ /[^`]*)` \| ([^|]+) \|$", section, re.MULTILINE)
    return {route.replace("<id>", "<order_id>"): set(who.strip().split(", ")) for route, who in found}


def declared(role: Role, shop: FakeShop) -> dict[str, set[str]]:
    """Who may call each route of a role, by its declarations."""
    return {route.name: set(route.access) for route in routes_of(shop.sidecar.apps[role])}


@every_role
def test_every_route_is_declared(role: Role, shop: FakeShop) -> None:
    app = shop.sidecar.apps[role]
    rules = {(method, rule.endpoint) for rule in app.url_map.iter_rules() for method in rule.methods or ()}
    assert {each for each in rules if each[0] not in ("HEAD", "OPTIONS")} == declared_routes(app).keys()


@every_role
def test_only_known_roles_may_call_a_route(role: Role, shop: FakeShop) -> None:
    assert [route for route, who in declared(role, shop).items() if not who or who - EXTERNAL - {INTERNAL}] == []


@every_role
def test_the_page_says_the_same(role: Role, shop: FakeShop) -> None:
    said, meant = rows(role), declared(role, shop)
    wrong = sorted(route for route in said.keys() | meant.keys() if said.get(route) != meant.get(route))
    assert not wrong, f"docs/access.md and the declared routes differ in {', '.join(wrong)} of role {role.name}"
