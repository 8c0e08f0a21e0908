"""The guard in front of a role: lets in whom the table names, and remembers who it is for what follows."""

import logging
import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from pizzashop.auth.authentication import Authenticator
from pizzashop.auth.origin import SAFE_METHODS
from pizzashop.auth.people import CUSTOMER, EXTERNAL, INTERNAL, PUBLIC, STAFF_ROLES, Person
from pizzashop.domain.ids import is_generated_id, parse_generated_id
from pizzashop.roles import STOREFRONT, Role
from pizzashop.web.problems import problem
from pizzashop.web.routes import declared_routes

SESSION_ENTRY = "staff"
"""Where a session holds who has signed in."""

log = logging.getLogger(__name__)


def register_guard(app: Flask, role: Role, door: Authenticator, clock: Callable[[], float] = time.time) -> None:
    """Check each request of a role, unless everything is open."""
    app.extensions.update(door=door, now=clock)
    if not door.closed and not door.app_token:
        return
    if role is STOREFRONT:
        app.secret_key = door.key
        app.config["SESSION_COOKIE_SECURE"] = door.https
    declared = declared_routes(app)

    @app.before_request
    def check() -> ResponseReturnValue | None:
        if request.url_rule is None or request.method == "OPTIONS":
            g.person = _in_session(door, clock)
            return None
        method = "GET" if request.method == "HEAD" else request.method
        route = declared.get((method, request.endpoint or ""))
        open_to = route.access if route is not None else frozenset[str]()
        if door.is_sidecar(request.environ.get("HTTP_DAPR_API_TOKEN", "")) and INTERNAL in open_to:
            return None
        if not door.closed:
            return None if open_to & EXTERNAL else _not_for_you(open_to)
        return _check_person(door, open_to, clock)


def with_author(content: Any) -> Any:
    """A command with the name of whoever has signed in; what it says itself counts only where nobody has."""
    who: Person | None = g.get("person")
    return {**content, "by": who.name} if who and who.name and isinstance(content, dict) else content


def access_check() -> Callable[[], bool]:
    """Whether whoever sent this request may still do so, for an answer that lasts: to be asked now and then."""
    asked: Callable[[], bool] = g.get("still_may", _always)
    return asked


def _always() -> bool:
    return True


def _check_person(
    door: Authenticator, open_to: frozenset[str], clock: Callable[[], float]
) -> ResponseReturnValue | None:
    shown = request.environ.get("HTTP_AUTHORIZATION", "")
    scheme, _, token = shown.partition(" ")
    authenticate_token, kept = scheme.lower() == "bearer", session.get(SESSION_ENTRY)

    def person() -> Person | None:
        if authenticate_token:
            return door.authenticate_token(token.strip())
        return door.recall(kept, clock()) if kept else None

    g.person = person()
    order_id = (request.view_args or {}).get("order_id", "")
    if PUBLIC in open_to or (CUSTOMER in open_to and is_generated_id(order_id)):
        return None
    if not open_to & set(STAFF_ROLES):
        return _not_for_you(open_to)
    meant = parse_generated_id(order_id)
    if CUSTOMER in open_to and meant and not (g.person and open_to & g.person.roles):
        # Whether an order has the id as it is written is nothing for a customer to know.
        return redirect(url_for(request.endpoint or "", order_id=meant))
    if g.person is None:
        return _sign_in("invalid_token" if authenticate_token else "")
    if not open_to & g.person.roles:
        return _not_for_you(open_to)
    g.still_may = lambda: bool((now := person()) and open_to & now.roles)
    return None if authenticate_token or request.method in SAFE_METHODS else _must_be_meant()


def _in_session(door: Authenticator, clock: Callable[[], float]) -> Person | None:
    kept = session.get(SESSION_ENTRY)
    return door.recall(kept, clock()) if kept else None


def _must_be_meant() -> Response | None:
    """A browser shows its session to whatever page sends a form here: ours have a mark in them."""
    # Role `storefront` alone has sessions: no other needs to load this.
    from flask_wtf.csrf import validate_csrf
    from wtforms import ValidationError

    try:
        validate_csrf(request.form.get("csrf_token") or request.headers.get("X-CSRFToken"))
    except ValidationError:
        return problem(403, "This form is not from your session any more: load its page again, and send it once more")
    return None


def _sign_in(error: str) -> Response:
    response = problem(401, "This token is not known" if error else "Somebody of the staff has to sign in for this")
    more = f', error="{error}"' if error else ""
    response.headers["WWW-Authenticate"] = f'Bearer realm="pizzashop"{more}'
    return response


def _not_for_you(open_to: frozenset[str]) -> Response:
    roles = [role for role in STAFF_ROLES if role in open_to]
    who = f"role {' or '.join(roles)} may" if roles else "this role's own sidecar may, with its token"
    return problem(403, f"You may not do this: {who}")
