"""Signing in and out: with a name and a password, with the token of the staff, or with a link that works once."""

from typing import TYPE_CHECKING

from flask import current_app, g, redirect, render_template, request, session
from flask.sansio.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import validate_csrf
from werkzeug.exceptions import NotFound
from wtforms import ValidationError

from pizzashop.auth.authentication import SESSION_SECONDS
from pizzashop.auth.guard import SESSION_ENTRY
from pizzashop.auth.people import COURIER, KITCHEN, MANAGER, PUBLIC, Person
from pizzashop.pages import staff
from pizzashop.web.routes import Routes

if TYPE_CHECKING:
    from pizzashop.pages.rate_limit import SignInLimit

routes = Routes("signing")

FIRST_PAGE = {MANAGER: "/manager", KITCHEN: "/kitchen", COURIER: "/delivery"}
MAX_NAME = 60


@routes.blueprint.record
def _begin(state: BlueprintSetupState) -> None:
    state.app.config.update(
        SESSION_COOKIE_NAME="pizzashop",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=SESSION_SECONDS,
        WTF_CSRF_TIME_LIMIT=None,
    )


@routes.blueprint.before_request
def _only_where_there_is_a_door() -> None:
    if not staff.door().requires_sign_in:
        raise NotFound("Nobody has to sign in here")


@routes.get("/sign-in", PUBLIC)
def show() -> ResponseReturnValue:
    """The form; `?once=` signs in at once, and leaves the address."""
    once = request.args.get("once")
    if once is None or request.method == "HEAD":  # whoever only looks whether it is there uses no link up
        return _form()
    person = staff.door().authenticate_link(once)
    if person is None and g.person:
        return _on(g.person)
    if person is None:
        return _form("This link was used already, or is no longer good.", 403)
    return _signed_in(person)


@routes.post("/sign-in", PUBLIC)
def sign_in() -> ResponseReturnValue:
    """Sign in with a name and a password."""
    name = " ".join(request.form.get("name", "").split())
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValidationError:
        return _form("This page was open for too long, or keeps no cookies. Try again.", 403)
    if not 0 < len(name) <= MAX_NAME:
        return _form(f"Say who you are, in at most {MAX_NAME} characters.", 400)
    if not _tries().allow(request.remote_addr or "", name):
        page, _ = _form("Too many tries. Wait for a minute.", 429)
        return page, 429, {"Retry-After": "60"}
    who = staff.door().authenticate_password(name, request.form.get("password", ""))
    return _signed_in(who) if who else _form("The name or the password is not right.", 401)


@routes.post("/sign-out", KITCHEN, COURIER, MANAGER)
def sign_out() -> ResponseReturnValue:
    """Sign out: the session is worth nothing any more, and what it watches ends."""
    if kept := session.get(SESSION_ENTRY):
        staff.door().sign_out(kept)
    session.clear()
    return redirect("/sign-in", 303)


def _signed_in(who: Person) -> ResponseReturnValue:
    session.clear()
    session.permanent = True
    session[SESSION_ENTRY] = staff.door().create_session(who, _now())
    return _on(who)


def _on(who: Person) -> ResponseReturnValue:
    first = next(page for role, page in FIRST_PAGE.items() if role in who.roles)
    return redirect(_local(request.values.get("next", "")) or first, 303)


def _form(trouble: str = "", status: int = 200) -> tuple[str, int]:
    page = render_template(
        "sign_in.html",
        trouble=trouble,
        next=_local(request.values.get("next", "")),
        name=request.form.get("name", "")[:MAX_NAME],
        takes_token=bool(staff.door().staff_token),
    )
    return page, status


def _local(target: str) -> str:
    """A page of this shop; empty where it leads elsewhere."""
    # Browsers read a backslash as a slash, and pass over control characters.
    plain = target.isprintable() and "\\" not in target
    return target if plain and target.startswith("/") and not target.startswith("//") else ""


def _now() -> float:
    now: float = current_app.extensions["now"]()
    return now


def _tries() -> "SignInLimit":
    # Where nobody has to sign in, nothing is counted, and what counts is not loaded.
    from pizzashop.pages.rate_limit import SignInLimit

    made = current_app.extensions
    tries: SignInLimit = made.get("tries") or made.setdefault("tries", SignInLimit())
    return tries
