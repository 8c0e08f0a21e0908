"""A door with a staff behind it: a manager, a cook, a courier, and programs with tokens."""

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
OF_ALL = "the-token-of-all-the-staff"
PASSWORDS = {"ana": "ana's password", "kim": "kim's password", "cem": "cem's password"}
ROLES = {"ana": "manager", "kim": "kitchen", "cem": "courier"}


class Kept(NamedTuple):
    """The file of accounts, and a token for each."""

    path: Path
    tokens: dict[str, str]


@cache
def kept() -> Kept:
    """Made once: passwords are hashed so that it takes its time."""
    accounts = Accounts(Path(mkdtemp()) / "staff.json")
    for name, role in ROLES.items():
        accounts.add(name, (role,), PASSWORDS[name])
    return Kept(accounts.path, {name: accounts.issue_token(name) for name in ROLES})


def make_door(state_dir: Path, *, staff_token: str = OF_ALL, https: bool = False) -> Authenticator:
    """The door, with its files in a directory of its own."""
    path = Path(shutil.copy(kept().path, state_dir / "staff.json"))
    return Authenticator(Accounts(path), staff_token, SIDECAR["dapr-api-token"], "k" * 48, state_dir, https)


def bearer(name: str) -> dict[str, str]:
    """The header that a program of this person's shows."""
    return {"Authorization": f"Bearer {kept().tokens[name]}"}


def csrf(client: FlaskClient, page: str = "/sign-in") -> str:
    """What a form of this page has in it."""
    html = client.get(page, headers=PAGE).text
    return html.split('name="csrf_token" value="')[1].split('"')[0]


def sign_in(client: FlaskClient, name: str = "ana", **more: str) -> TestResponse:
    """Fill in the form, as a browser would."""
    form = {"csrf_token": csrf(client), "name": name, "password": PASSWORDS.get(name, ""), **more}
    return client.post("/sign-in", data=form, headers=PAGE)
