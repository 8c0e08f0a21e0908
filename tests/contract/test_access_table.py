"""Who may call each route: the declarations, the routes of every role, and docs/contract.md agree."""

import re
from pathlib import Path

import pytest
from fakes.shop import FakeShop

from pizzashop.auth.people import COLLECTOR, EXTERNAL, INTERNAL
from pizzashop.roles import ROLES, Role
from pizzashop.web.routes import declared_routes, routes_of

PAGE = (Path(__file__).parents[2] / "docs/contract.md").read_text()

every_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def documented_access(role: Role) -> dict[str, set[str]]:
    """Return who may call each route of a role, as the parentheses in docs/contract.md have it."""
    sections = [PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0] for title in ("Every role", f"Role `{role.name}`")]
    found = re.findall(r"^- (`[A-Z]+ /[^`]*`.*?) \(([a-z, ]+)\): ", "".join(sections), re.MULTILINE)
    return {
        route.replace("<id>", "<order_id>"): set(access.split(", "))
        for routes, access in found
        for route in re.findall(r"`([^`]*)`", routes)
    }


def declared_access(role: Role, shop: FakeShop) -> dict[str, set[str]]:
    """Return who may call each route of a role, as its declaration has it."""
    return {route.name: set(route.access) for route in routes_of(shop.sidecar.apps[role])}


@every_role
def test_every_route_is_declared(role: Role, shop: FakeShop) -> None:
    app = shop.sidecar.apps[role]
    rules = {(method, rule.endpoint) for rule in app.url_map.iter_rules() for method in rule.methods or ()}
    assert {each for each in rules if each[0] not in ("HEAD", "OPTIONS")} == declared_routes(app).keys()


@every_role
def test_a_route_is_open_only_to_known_roles(role: Role, shop: FakeShop) -> None:
    access = declared_access(role, shop)
    assert [route for route, roles in access.items() if not roles or roles - EXTERNAL - {INTERNAL, COLLECTOR}] == []


@every_role
def test_the_contract_documents_who_may_call_each_route(role: Role, shop: FakeShop) -> None:
    assert documented_access(role) == declared_access(role, shop)
