"""An authenticator with a staff: a manager, a cook, a courier, and programs with tokens."""

import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pizzashop.auth.accounts import Accounts
from pizzashop.auth.authentication import Authenticator

PAGE = {"Accept": "text/html"}
SIDECAR = {"dapr-api-token": "the-token-of-the-sidecar"}
STAFF_TOKEN = "the-token-of-all-the-staff"
PASSWORDS = {"ana": "ana's password", "kim": "kim's password", "cem": "cem's password"}
ROLES = {"ana": "manager", "kim": "kitchen", "cem": "courier"}


class StaffFile(NamedTuple):
    """The file of the accounts, and a token for each account."""

    path: Path
    tokens: dict[str, str]


@cache
def staff_file() -> StaffFile:
    """Create the accounts once, because hashing a password is slow on purpose."""
    accounts = Accounts(Path(mkdtemp()) / "staff.json")
    for name, role in ROLES.items():
        accounts.add(name, (role,), PASSWORDS[name])
    return StaffFile(accounts.path, {name: accounts.issue_token(name) for name in ROLES})


def make_authenticator(state_dir: Path, *, staff_token: str = STAFF_TOKEN, https: bool = False) -> Authenticator:
    """Make an authenticator with its own copy of the accounts."""
    path = Path(shutil.copy(staff_file().path, state_dir / "staff.json"))
    return Authenticator(Accounts(path), staff_token, SIDECAR["dapr-api-token"], "k" * 48, state_dir, https)


def bearer(name: str) -> dict[str, str]:
    """Return the header that a program with the token of this account sends."""
    return {"Authorization": f"Bearer {staff_file().tokens[name]}"}


def csrf(client: FlaskClient, page: str = "/sign-in") -> str:
    """Return the CSRF token of the form on a page."""
    html = client.get(page, headers=PAGE).text
    return html.split('name="csrf_token" value="')[1].split('"')[0]


def sign_in(client: FlaskClient, name: str = "ana", **more: str) -> TestResponse:
    """Send the sign-in form, as a browser does."""
    form = {"csrf_token": csrf(client), "name": name, "password": PASSWORDS.get(name, ""), **more}
    return client.post("/sign-in", data=form, headers=PAGE)
