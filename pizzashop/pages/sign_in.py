"""Signing in and out: with a name and a password, with the staff's token, or with a link that works once."""

from flask import g, redirect, render_template, request, session
from flask.sansio.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import validate_csrf
from werkzeug.exceptions import NotFound
from wtforms import ValidationError

from pizzashop.auth.authentication import SESSION_SECONDS, Authenticator
from pizzashop.auth.guard import SESSION_ENTRY
from pizzashop.auth.people import COURIER, KITCHEN, MANAGER, MAX_NAME_LENGTH, PUBLIC, Person
from pizzashop.domain.history import Clock
from pizzashop.web.routes import Routes

FIRST_PAGES = {MANAGER: "/manager", KITCHEN: "/kitchen", COURIER: "/delivery"}
# How many attempts to sign in are allowed from one address, and with one name.
ADDRESS_LIMIT = "20/minute"
NAME_LIMIT = "6/minute"


class SignInLimit:
    """Limits how often one address, and one name, may try to sign in at this process."""

    def __init__(self) -> None:
        # Imported here, because a shop without a sign-in needs no rate limits and saves the memory.
        from limits import parse
        from limits.storage import MemoryStorage
        from limits.strategies import MovingWindowRateLimiter

        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._address_limit, self._name_limit = parse(ADDRESS_LIMIT), parse(NAME_LIMIT)

    def count_attempt(self, address: str, name: str) -> bool:
        """Count one attempt; return whether it is within the limits."""
        is_address_allowed = self._limiter.hit(self._address_limit, "address", address)
        return is_address_allowed and self._limiter.hit(self._name_limit, "name", name)


def make_sign_in_routes(authenticator: Authenticator, clock: Clock) -> Routes:
    """Return the routes for signing in and out; where nobody has to sign in they answer 404."""
    routes = Routes("sign_in")
    routes.blueprint.record(_configure_sessions)
    limit = SignInLimit() if authenticator.requires_sign_in else None

    @routes.blueprint.before_request
    def require_sign_in() -> None:
        if limit is None:
            raise NotFound("Nobody has to sign in here")

    @routes.get("/sign-in", PUBLIC)
    def show() -> ResponseReturnValue:
        """The form; `?once=` signs in at once, and leaves the address."""
        token = request.args.get("once")
        # A HEAD request, such as of a program that checks links, must not use the link up.
        if token is None or request.method == "HEAD":
            return show_form()
        person = authenticator.authenticate_link(token)
        if person is not None:
            return begin_session(person)
        if g.person:
            return _redirect_to_pages(g.person)
        return show_form("This link was used already, or is no longer good.", 403)

    @routes.post("/sign-in", PUBLIC)
    def sign_in() -> ResponseReturnValue:
        """Sign in with a name and a password."""
        name = " ".join(request.form.get("name", "").split())
        try:
            validate_csrf(request.form.get("csrf_token"))
        except ValidationError:
            return show_form("This page was open for too long, or keeps no cookies. Try again.", 403)
        if not 0 < len(name) <= MAX_NAME_LENGTH:
            return show_form(f"Say who you are, in at most {MAX_NAME_LENGTH} characters.", 400)
        if limit is not None and not limit.count_attempt(request.remote_addr or "", name):
            return *show_form("Too many tries. Wait for a minute.", 429), {"Retry-After": "60"}
        person = authenticator.authenticate_password(name, request.form.get("password", ""))
        return begin_session(person) if person else show_form("The name or the password is not right.", 401)

    @routes.post("/sign-out", KITCHEN, COURIER, MANAGER)
    def sign_out() -> ResponseReturnValue:
        """Sign out: the session becomes invalid, and the streams that it opened end."""
        if entry := session.get(SESSION_ENTRY):
            authenticator.sign_out(entry)
        session.clear()
        return redirect("/sign-in", 303)

    def begin_session(person: Person) -> ResponseReturnValue:
        session.clear()
        session.permanent = True
        session[SESSION_ENTRY] = authenticator.create_session(person, clock().timestamp())
        return _redirect_to_pages(person)

    def show_form(error: str = "", status: int = 200) -> tuple[str, int]:
        page = render_template(
            "sign_in.html",
            error=error,
            next=_local_address(request.values.get("next", "")),
            name=request.form.get("name", "")[:MAX_NAME_LENGTH],
            max_name_length=MAX_NAME_LENGTH,
            takes_token=bool(authenticator.staff_token),
        )
        return page, status

    return routes


def _configure_sessions(state: BlueprintSetupState) -> None:
    state.app.config.update(
        SESSION_COOKIE_NAME="pizzashop",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=SESSION_SECONDS,
        WTF_CSRF_TIME_LIMIT=None,
    )


def _redirect_to_pages(person: Person) -> ResponseReturnValue:
    first_page = next(page for role, page in FIRST_PAGES.items() if role in person.roles)
    return redirect(_local_address(request.values.get("next", "")) or first_page, 303)


def _local_address(target: str) -> str:
    """Return `target` if it is an address of this shop, else an empty text."""
    # Browsers read a backslash as a slash, and ignore control characters.
    is_plain = target.isprintable() and "\\" not in target
    return target if is_plain and target.startswith("/") and not target.startswith("//") else ""
