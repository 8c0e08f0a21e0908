"""The guard of a role: it decides before each request whether the sender may call the route.

The routes declare who may call them (`web/routes.py`); `Authenticator` finds out who the sender is.
"""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Response, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from pizzashop.auth.authentication import Authenticator
from pizzashop.auth.origin import SAFE_METHODS
from pizzashop.auth.people import COLLECTOR, CUSTOMER, EXTERNAL, INTERNAL, PUBLIC, STAFF_ROLES, Person
from pizzashop.domain.history import Clock
from pizzashop.domain.ids import is_generated_id, parse_generated_id
from pizzashop.roles import STOREFRONT, Role
from pizzashop.web.problems import problem_response
from pizzashop.web.routes import declared_routes

# The entry of Flask's session that says who has signed in.
SESSION_ENTRY = "staff"


def register_guard(app: Flask, role: Role, authenticator: Authenticator, clock: Clock) -> None:
    """Check each request of a role, unless neither the staff nor the sidecar has to authenticate."""
    if not authenticator.requires_sign_in and not authenticator.app_token:
        return
    if role is STOREFRONT:
        app.secret_key = authenticator.key
        app.config["SESSION_COOKIE_SECURE"] = authenticator.https
    app.before_request(_Guard(app, authenticator, clock).check)


def with_author(content: Any) -> Any:
    """Return a command's content with the name of the person who has signed in as `by`; unchanged if nobody has."""
    person: Person | None = g.get("person")
    return {**content, "by": person.name} if person and person.name and isinstance(content, dict) else content


def access_check() -> Callable[[], bool]:
    """Return a function that tells whether the sender of this request may still have it answered.

    An answer that lasts, such as a stream, calls it now and then: the sender may have signed out, for example.
    """
    is_still_allowed: Callable[[], bool] = g.get("is_still_allowed", lambda: True)
    return is_still_allowed


class _Guard:
    """Check the requests of one application; `g.person` then says who has signed in."""

    def __init__(self, app: Flask, authenticator: Authenticator, clock: Clock) -> None:
        self._routes = declared_routes(app)
        self._authenticator, self._clock = authenticator, clock

    def check(self) -> ResponseReturnValue | None:
        """Return None if the sender may call the route, else the response that refuses the request."""
        if request.url_rule is None or request.method == "OPTIONS":
            g.person = self._authenticate_session(session.get(SESSION_ENTRY))
            return None
        method = "GET" if request.method == "HEAD" else request.method
        route = self._routes.get((method, request.endpoint or ""))
        # A route that is not declared admits nobody.
        access = route.access if route is not None else frozenset[str]()
        if INTERNAL in access and self._authenticator.is_sidecar(request.environ.get("HTTP_DAPR_API_TOKEN", "")):
            return None
        if not self._authenticator.requires_sign_in:
            return None if access & EXTERNAL else _forbidden(access)
        return self._check_person(access)

    def _check_person(self, access: frozenset[str]) -> ResponseReturnValue | None:
        scheme, _, token = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        has_token, staff_session = scheme.lower() == "bearer", session.get(SESSION_ENTRY)
        if COLLECTOR in access and has_token and self._authenticator.is_collector(token.strip()):
            return None

        def authenticate() -> Person | None:
            if has_token:
                return self._authenticator.authenticate_token(token.strip())
            return self._authenticate_session(staff_session)

        g.person = authenticate()
        order_id = (request.view_args or {}).get("order_id", "")
        if PUBLIC in access or (CUSTOMER in access and is_generated_id(order_id)):
            return None
        if not access & set(STAFF_ROLES):
            return _forbidden(access)
        canonical_id = parse_generated_id(order_id)
        if CUSTOMER in access and canonical_id and not (g.person and access & g.person.roles):
            # The customer typed the id in another spelling. Redirect always: whether an order has the id as it was
            # typed is not for customers to know.
            return redirect(url_for(request.endpoint or "", order_id=canonical_id))
        if g.person is None:
            return _unauthenticated("invalid_token" if has_token else "")
        if not access & g.person.roles:
            return _forbidden(access)
        g.is_still_allowed = lambda: bool((person := authenticate()) and access & person.roles)
        return None if has_token or request.method in SAFE_METHODS else _check_csrf_token()

    def _authenticate_session(self, staff_session: Mapping[str, Any] | None) -> Person | None:
        if not staff_session:
            return None
        return self._authenticator.authenticate_session(staff_session, self._clock().timestamp())


def _check_csrf_token() -> Response | None:
    """Return None if a form comes from a page of this session, else a refusal.

    A browser sends the session's cookie with any request, also if a page of another site has caused it.
    """
    # Only role `storefront` has sessions: the processes of other roles do not import this.
    from flask_wtf.csrf import validate_csrf
    from wtforms import ValidationError

    try:
        validate_csrf(request.form.get("csrf_token") or request.headers.get("X-CSRFToken"))
    except ValidationError:
        return problem_response(403, "This form is not from your session any more: reload its page and send it again")
    return None


def _unauthenticated(error: str) -> Response:
    detail = "This token is not known" if error else "Somebody of the staff has to sign in for this"
    response = problem_response(401, detail)
    error_parameter = f', error="{error}"' if error else ""
    response.headers["WWW-Authenticate"] = f'Bearer realm="pizzashop"{error_parameter}'
    return response


def _forbidden(access: frozenset[str]) -> Response:
    roles = [role for role in STAFF_ROLES if role in access]
    who = f"role {' or '.join(roles)} may" if roles else "this role's own sidecar may, with its token"
    return problem_response(403, f"You may not do this: {who}")
