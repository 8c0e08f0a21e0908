"""The files that authentication keeps in the state directory, readable only by the user who runs the shop.

- `staff.json`: the accounts of the staff, with hashes of their passwords and tokens
- `session.key`: the key that signs session cookies
- `sign-in-link.json`: the hash of the token of the latest sign-in link
- `signed-out/`: one empty file for each session that was signed out before it expired
"""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from werkzeug.security import check_password_hash, generate_password_hash

from pizzashop.auth.people import EVERY_STAFF_ROLE, MANAGER, Person
from pizzashop.errors import CorruptData, LocalError, NotFound

SESSION_KEY_FILE = "session.key"
SIGN_IN_LINK_FILE = "sign-in-link.json"


@dataclass(frozen=True)
class Account:
    """One account: its staff roles, the hash of its password and the digest of its token ("": it has no token)."""

    roles: tuple[str, ...]
    password: str
    token: str = ""

    def person(self, name: str) -> Person:
        """Return the person whose account this is; a manager has every role."""
        return Person(name, EVERY_STAFF_ROLE if MANAGER in self.roles else frozenset(self.roles))


class Accounts:
    """The accounts in one file, which is read again when it has changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._cached: tuple[object, dict[str, Account]] = (None, {})

    def all(self) -> Mapping[str, Account]:
        """Return the accounts by name, none if the file is absent; raise CorruptData if it is unreadable."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return {}
        version = (status.st_mtime_ns, status.st_ino, status.st_size)
        if self._cached[0] != version:
            self._cached = version, self._load()
        return self._cached[1]

    def authenticate_password(self, name: str, password: str) -> Person | None:
        """Return the person with this name and password; None if one of them is wrong."""
        account = self.all().get(name)
        # Hash the password for an unknown name too: otherwise the time that it takes would tell which names exist.
        is_correct = check_password_hash(account.password if account else _dummy_password_hash(), password)
        return account.person(name) if account and is_correct else None

    def authenticate_token(self, token: str) -> Person | None:
        """Return the person with this token; None if the token is unknown."""
        digest = _token_digest(token)
        return next((each.person(name) for name, each in self.all().items() if each.token == digest), None)

    def add(self, name: str, roles: tuple[str, ...], password: str) -> None:
        """Add an account, or change the roles and the password of an existing one."""
        existing = self.all().get(name)
        account = Account(roles, generate_password_hash(password), existing.token if existing else "")
        self._save({**self.all(), name: account})

    def remove(self, name: str) -> None:
        """Remove an account; raise NotFound if it does not exist."""
        self._existing(name)
        self._save({each: account for each, account in self.all().items() if each != name})

    def issue_token(self, name: str) -> str:
        """Return a new token for an account, which replaces its earlier one; raise NotFound."""
        token = token_urlsafe(32)
        self._save({**self.all(), name: replace(self._existing(name), token=_token_digest(token))})
        return token

    def _existing(self, name: str) -> Account:
        account = self.all().get(name)
        if account is None:
            raise NotFound(f"There is no account {name}.")
        return account

    def _load(self) -> dict[str, Account]:
        try:
            content = json.loads(self.path.read_text())
            return {name: Account(**{**each, "roles": tuple(each["roles"])}) for name, each in content.items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise CorruptData(f"The accounts in {self.path} cannot be read: {error}") from None

    def _save(self, accounts: Mapping[str, Account]) -> None:
        write_private_file(self.path, json.dumps({name: asdict(each) for name, each in accounts.items()}, indent=1))


def session_signing_key(state_dir: Path) -> str:
    """Return the key that signs sessions; create it if it is absent, so that sessions survive a restart."""
    path = state_dir / SESSION_KEY_FILE
    with suppress(FileNotFoundError):
        return path.read_text()
    state_dir.mkdir(parents=True, exist_ok=True)
    # Two processes may create the key at the same time: the hard link of the first one succeeds, and both read it.
    candidate = state_dir / f".{SESSION_KEY_FILE}.{os.getpid()}"
    write_private_file(candidate, token_urlsafe(48))
    with suppress(FileExistsError):
        os.link(candidate, path)
    candidate.unlink()
    return path.read_text()


def create_sign_in_link(state_dir: Path, name: str) -> str:
    """Return a token that signs `name` in as manager once; it replaces the token of the previous link."""
    token = token_urlsafe(32)
    write_private_file(state_dir / SIGN_IN_LINK_FILE, json.dumps({"name": name, "digest": _token_digest(token)}))
    return token


def redeem_sign_in_link(state_dir: Path, token: str) -> str | None:
    """Use a sign-in link up and return the name that it signs in; None if the token is wrong or was used before."""
    path = state_dir / SIGN_IN_LINK_FILE
    try:
        link = json.loads(path.read_text())
        if not compare_digest(link["digest"], _token_digest(token)):
            return None
        # If two requests redeem the link at the same time, only one of them removes the file.
        path.unlink()
    except FileNotFoundError:
        return None
    return str(link["name"])


def revoke_sign_in_link(state_dir: Path) -> None:
    """Make the latest sign-in link invalid. Idempotent."""
    (state_dir / SIGN_IN_LINK_FILE).unlink(missing_ok=True)


class SignedOutSessions:
    """The sessions that were signed out within the last `max_age_seconds`; older sessions have expired.

    The browser still has the cookie of such a session. Each session is one file: all processes of the role see it, and
    two processes can write at the same time.
    """

    def __init__(self, directory: Path, max_age_seconds: float) -> None:
        self._directory, self._max_age_seconds = directory, max_age_seconds

    def add(self, session: Mapping[str, Any]) -> None:
        """Record that this session was signed out, and forget expired ones. Idempotent."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._file(session).touch(mode=0o600)
        for file in self._directory.iterdir():
            if time.time() - file.stat().st_mtime > self._max_age_seconds:
                file.unlink(missing_ok=True)

    def __contains__(self, session: Mapping[str, Any]) -> bool:
        return self._file(session).exists()

    def _file(self, session: Mapping[str, Any]) -> Path:
        return self._directory / sha256(json.dumps(session, sort_keys=True).encode()).hexdigest()[:32]


def write_private_file(path: Path, text: str) -> None:
    """Write a file atomically, readable only by this user; raise LocalError if that fails."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise LocalError(f"{path} cannot be written: {error.strerror}.") from None


@cache
def _dummy_password_hash() -> str:
    return generate_password_hash("nobody has this password")


def _token_digest(token: str) -> str:
    # A token has 256 random bits, so a fast hash is enough.
    return sha256(token.encode(errors="replace")).hexdigest()
