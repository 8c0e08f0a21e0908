"""Who looks at a page: somebody of the staff, or a customer."""

from flask import current_app, g, has_request_context
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

from pizzashop.auth.authentication import EVERY_STAFF_ROLE, Authenticator
from pizzashop.auth.people import Person

OPEN_STAFF = Person("the shop", EVERY_STAFF_ROLE)
"""With no sign-in, whoever sits at this machine."""


def door() -> Authenticator:
    """The door of the application that serves this request."""
    found: Authenticator = current_app.extensions["door"]
    return found


def current_person() -> Person | None:
    """Who of the staff it is; nobody, where it is a customer."""
    return g.get("person") if door().requires_sign_in else OPEN_STAFF


def author() -> str:
    """Who acts, as an order's history has it."""
    person = g.get("person")
    return person.name if person and person.name else "the manager"


def csrf_field() -> Markup:
    """What shows that a form is one of the shop's own, where a session would speak for whoever sends it."""
    # A part of a page that is made for several browsers at once has none: their pages have, see marks.js.
    if not door().requires_sign_in or not has_request_context():
        return Markup()
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(generate_csrf())


def for_templates() -> dict[str, object]:
    """What every template knows: `staff`, whether there is a sign-in, and what marks its forms."""
    return {"staff": current_person(), "signs_in": door().requires_sign_in, "csrf_field": csrf_field, "csrf_token": generate_csrf}
