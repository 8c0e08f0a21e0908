"""Sessions that were signed out: a browser keeps its session, so the shop records which ones are no longer valid.

Each is an empty file: all processes of the role see it, and two processes that write at once do not conflict.
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

from pizzashop.auth.people import Person, make_person
from pizzashop.errors import CorruptData, LocalError, NotFound


@dataclass(frozen=True)
class Account:
    """One account. A token has 256 random bits: its hash need not be slow."""

    roles: tuple[str, ...]
    password: str
    token: str = ""

    def person(self, name: str) -> Person:
        """Whose it is."""
        return make_person(name, frozenset(self.roles))


class Accounts:
    """All of them; the file is read again when it has changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: tuple[object, dict[str, Account]] = (None, {})

    def all(self) -> Mapping[str, Account]:
        """Every account by its name; none where there is no file. Raises CorruptData where it cannot be read."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return {}
        seen = (found.st_mtime_ns, found.st_ino, found.st_size)
        if self._read[0] != seen:
            self._read = seen, self._load()
        return self._read[1]

    def authenticate_password(self, name: str, password: str) -> Person | None:
        """Who signs in. It takes as long for a name that nobody has."""
        account = self.all().get(name)
        right = check_password_hash(account.password if account else _nobodys(), password)
        return account.person(name) if account and right else None

    def authenticate_token(self, token: str) -> Person | None:
        """Whose token it is."""
        digest = token_digest(token)
        return next((each.person(name) for name, each in self.all().items() if each.token == digest), None)

    def add(self, name: str, roles: tuple[str, ...], password: str) -> None:
        """Add an account, or give one other roles and another password."""
        before = self.all().get(name)
        made = Account(roles, generate_password_hash(password), before.token if before else "")
        self._save({**self.all(), name: made})

    def remove(self, name: str) -> None:
        """Remove an account; raises NotFound."""
        self._known(name)
        self._save({each: account for each, account in self.all().items() if each != name})

    def issue_token(self, name: str) -> str:
        """A new token for an account, in the place of the one that it had; raises NotFound."""
        token = token_urlsafe(32)
        self._save({**self.all(), name: replace(self._known(name), token=token_digest(token))})
        return token

    def _known(self, name: str) -> Account:
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


def write_private_file(path: Path, text: str) -> None:
    """Put a file in place, whole or not at all, that this user alone may read; raises LocalError."""
    made = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        made.replace(path)
    except OSError as error:
        with suppress(OSError):
            made.unlink()
        raise LocalError(f"{path} cannot be written: {error.strerror}.") from None


@cache
def _nobodys() -> str:
    return generate_password_hash("nobody has this password")


def token_digest(token: str) -> str:
    return sha256(token.encode(errors="replace")).hexdigest()


KEY_FILE, LINK_FILE = "session.key", "sign-in-link.json"


def session_signing_key(state_dir: Path) -> str:
    """The key that signs sessions: made once, then kept, so that they outlive a restart."""
    path = state_dir / KEY_FILE
    with suppress(FileNotFoundError):
        return path.read_text()
    state_dir.mkdir(parents=True, exist_ok=True)
    # Two processes may want one at once: whose link comes first has made it for both.
    made = state_dir / f".{KEY_FILE}.{os.getpid()}"
    write_private_file(made, token_urlsafe(48))
    with suppress(FileExistsError):
        os.link(made, path)
    made.unlink()
    return path.read_text()


def create_sign_in_link(state_dir: Path, name: str) -> str:
    """A token that signs `name` in as manager, once; the one before it is worth nothing any more."""
    token = token_urlsafe(32)
    write_private_file(state_dir / LINK_FILE, json.dumps({"name": name, "digest": token_digest(token)}))
    return token


def redeem_sign_in_link(state_dir: Path, token: str) -> str | None:
    """The name that the token signs in; None where it was used, or is none."""
    path = state_dir / LINK_FILE
    try:
        kept = json.loads(path.read_text())
        if not compare_digest(kept["digest"], token_digest(token)):
            return None
        # Of two who come at once, one removes it.
        path.unlink()
    except FileNotFoundError:
        return None
    return str(kept["name"])


def revoke_sign_in_link(state_dir: Path) -> None:
    """From now on no link signs anybody in."""
    (state_dir / LINK_FILE).unlink(missing_ok=True)


class SignedOutSessions:
    """The sessions that were signed out within the last `seconds`: older ones have run out anyway."""

    def __init__(self, directory: Path, seconds: float) -> None:
        self._directory, self._seconds = directory, seconds

    def add(self, session: Mapping[str, Any]) -> None:
        """Note that this session was signed out. Idempotent."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._file(session).touch(mode=0o600)
        for old in self._directory.iterdir():
            if time.time() - old.stat().st_mtime > self._seconds:
                old.unlink(missing_ok=True)

    def __contains__(self, session: Mapping[str, Any]) -> bool:
        return self._file(session).exists()

    def _file(self, session: Mapping[str, Any]) -> Path:
        return self._directory / sha256(json.dumps(session, sort_keys=True).encode()).hexdigest()[:32]
