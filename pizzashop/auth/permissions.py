"""Every route of every role, and who may call it. docs/access.md says the same; a test holds routes and both tables
against each other. With no sign-in set, all of it is open to this machine, see `door`."""

import re
from collections.abc import Iterator, Mapping

from flask import Flask
from werkzeug.routing import Rule

from pizzashop.auth.people import COURIER, CUSTOMER, INTERNAL, KITCHEN, MANAGER, PUBLIC
from pizzashop.roles import DELIVERY, ORDER, STOREFRONT, WORKFLOW, Role
from pizzashop.roles import KITCHEN as KITCHEN_ROLE

_ANY_OF = re.compile(r"<any\((.*)\):\w+>")


def paths(rule: Rule) -> Iterator[str]:
    """The paths of a rule: one for each of the words that it leaves a choice of."""
    words = _ANY_OF.search(rule.rule)
    for word in words[1].split(", ") if words else [""]:
        yield _ANY_OF.sub(word, rule.rule)


def methods(rule: Rule) -> set[str]:
    """What of its methods somebody has written; Flask adds the others."""
    return (rule.methods or set()) - {"HEAD", "OPTIONS"}


def routes(app: Flask) -> Iterator[tuple[Rule, str, str]]:
    """Every rule of the application with each method and path that it stands for."""
    for rule in app.url_map.iter_rules():
        for path in paths(rule):
            for method in sorted(methods(rule)):
                yield rule, method, path


AllowedRoles = frozenset[str]
Grants = Mapping[tuple[str, ...], tuple[str, ...]]

_OF_EVERY_ROLE = ("GET /healthz", "GET /openapi.json")

_ORDER: Grants = {
    (PUBLIC,): (*_OF_EVERY_ROLE, "POST /order"),
    (MANAGER, INTERNAL): (
        "GET /order/<order_id>",
        "GET /orders",
        "GET /board",
        "POST /search",
        "GET /unsettled",
    ),
    (MANAGER,): (
        "DELETE /order/<order_id>",
        "GET /events",
        "GET /events/<event_id>",
        "DELETE /events/<event_id>",
        "POST /events/<event_id>/replay",
        "POST /events/replay",
    ),
    (INTERNAL,): (
        "POST /orders-sub",
        "POST /order/<order_id>/accept",
        "GET /order/<order_id>/start",
        "GET /order/<order_id>/summary",
        "POST /order/<order_id>/content",
        "POST /order/<order_id>/heartbeat",
        "POST /order/<order_id>/claim",
        "POST /order/<order_id>/decide",
        "POST /order/<order_id>/steer",
        "POST /order/<order_id>/waiting",
        "POST /order/<order_id>/pause",
        "POST /order/<order_id>/resume",
        "POST /order/<order_id>/cancel",
        "POST /order/<order_id>/end",
        "POST /expired",
        "POST /purged",
        "POST /changes",
    ),
}

_STOREFRONT: Grants = {
    (PUBLIC,): (
        *_OF_EVERY_ROLE,
        "GET /",
        "POST /",
        "GET /static/<mark>/<path:name>",
        "GET /sign-in",
        "POST /sign-in",
    ),
    (KITCHEN,): ("GET /kitchen", "GET /live/kitchen"),
    (COURIER,): ("GET /delivery", "GET /live/delivery"),
    (KITCHEN, COURIER, MANAGER): ("POST /sign-out",),
    (MANAGER,): (
        "GET /manager",
        "GET /live/manager",
        "GET /live/manager/orders/<order_id>",
        "GET /manager/orders",
        "POST /manager/orders",
        "GET /manager/orders/<order_id>",
        "POST /manager/orders/<order_id>/approve",
        "POST /manager/orders/<order_id>/remake",
        "POST /manager/orders/<order_id>/reject",
        "POST /manager/orders/<order_id>/pause",
        "POST /manager/orders/<order_id>/resume",
        "POST /manager/orders/<order_id>/cancel",
        "POST /manager/orders/<order_id>/again",
        "POST /manager/several",
    ),
    (CUSTOMER, MANAGER): ("GET /orders/<order_id>", "GET /live/orders/<order_id>"),
    (INTERNAL,): ("POST /order",),
}

_WORKFLOW: Grants = {
    (PUBLIC,): (*_OF_EVERY_ROLE, "POST /start-order"),
    (MANAGER, INTERNAL): (
        "POST /validate-pizza",
        "GET /get-status/<order_id>",
        "POST /pause-order",
        "POST /resume-order",
        "POST /cancel-order",
    ),
}


def _by_route(grants: Grants) -> dict[str, AllowedRoles]:
    return {route: frozenset(who) for who, routes in grants.items() for route in routes}


PERMISSIONS: Mapping[Role, Mapping[str, AllowedRoles]] = {
    ORDER: _by_route(_ORDER),
    STOREFRONT: _by_route(_STOREFRONT),
    KITCHEN_ROLE: _by_route({(PUBLIC,): _OF_EVERY_ROLE, (INTERNAL,): ("POST /cook",)}),
    DELIVERY: _by_route({(PUBLIC,): _OF_EVERY_ROLE, (INTERNAL,): ("POST /deliver",)}),
    WORKFLOW: _by_route(_WORKFLOW),
}
