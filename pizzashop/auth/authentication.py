"""The door of a process: whether anybody has to sign in, and who somebody is by what they show."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from pizzashop.auth.accounts import Accounts, SignedOutSessions, session_signing_key
from pizzashop.auth.origin import AllowedHosts
from pizzashop.auth.people import STAFF_ROLES, Person
from pizzashop.errors import InvalidSettings
from pizzashop.settings import Settings, is_loopback

ACCOUNTS_FILE = "staff.json"
SIGNED_OUT = "signed-out"
SESSION_SECONDS = 12 * 3600
"""A shift, and somewhat more: then one signs in again."""
EVERY_STAFF_ROLE = frozenset(STAFF_ROLES)


@dataclass(frozen=True)
class Authenticator:
    """`accounts` are none where nobody signs in; `key` signs the sessions of role `storefront`."""

    accounts: Accounts | None = None
    staff_token: str = ""
    app_token: str = ""
    key: str = ""
    state_dir: Path = Path()
    https: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The door that the settings say; reads the key of sessions, and makes one where there is none."""
        if not requires_sign_in(settings):
            return cls(app_token=settings.app_api_token)
        state_dir = settings.state_dir.expanduser()
        key = settings.secret or session_signing_key(state_dir)
        return cls(accounts(settings), settings.staff_token, settings.app_api_token, key, state_dir, settings.https)

    @property
    def closed(self) -> bool:
        """Whether one has to sign in."""
        return self.accounts is not None

    def is_sidecar(self, shown: str) -> bool:
        """Whether it is this role's own sidecar that asks."""
        return bool(self.app_token) and _equal(shown, self.app_token)

    def may_be_sidecar(self, shown: str) -> bool:
        """As far as one can tell: where the sidecar has no token, anybody may."""
        return not self.app_token or self.is_sidecar(shown)

    def authenticate_token(self, token: str) -> Person | None:
        """Who shows a token. Behind the one of all the staff is nobody in particular."""
        if self.staff_token and _equal(token, self.staff_token):
            return Person("", EVERY_STAFF_ROLE)
        return self.accounts.authenticate_token(token) if self.accounts else None

    def authenticate_password(self, name: str, password: str) -> Person | None:
        """Who signs in: with the password of an account, or by any other name with the token of all the staff."""
        if self.accounts is None:
            return None
        if self.staff_token and name not in self.accounts.all() and _equal(password, self.staff_token):
            return Person(name, EVERY_STAFF_ROLE)
        return self.accounts.authenticate_password(name, password)

    def by_link(self, name: str) -> Person:
        """Who comes by a link that `pizzashop up` has printed: whoever runs the shop."""
        return Person(name, EVERY_STAFF_ROLE)

    def remember(self, who: Person, since: float) -> dict[str, Any]:
        """What a session holds of somebody who signed in."""
        return {"name": who.name, "mark": self._mark(who.name), "since": since}

    def recall(self, kept: Mapping[str, Any], now: float) -> Person | None:
        """Whose session it is; nobody's when it is over, or when what was signed in with holds no more."""
        name = kept["name"]
        if not 0 <= now - kept["since"] < SESSION_SECONDS or not _equal(kept["mark"], self._mark(name)):
            return None
        if kept in self._signed_out:
            return None
        account = self.accounts.all().get(name) if self.accounts else None
        return account.person(name) if account else Person(name, EVERY_STAFF_ROLE)

    def sign_out(self, kept: Mapping[str, Any]) -> None:
        """End a session, also where a browser, or a stream, still has it."""
        self._signed_out.add(kept)

    @property
    def _signed_out(self) -> SignedOutSessions:
        return SignedOutSessions(self.state_dir / SIGNED_OUT, SESSION_SECONDS)

    def _mark(self, name: str) -> str:
        account = self.accounts.all().get(name) if self.accounts else None
        rests_on = f"account {account.password}" if account else f"token {self.staff_token}"
        return hmac.new(self.key.encode(), rests_on.encode(), sha256).hexdigest()[:32]


def accounts(settings: Settings) -> Accounts:
    """The accounts, whether there are any or not."""
    return Accounts((settings.staff_file or settings.state_dir / ACCOUNTS_FILE).expanduser())


def requires_sign_in(settings: Settings) -> bool:
    """Whether anybody has to sign in: there is a token, or there are accounts."""
    return bool(settings.staff_token or settings.staff_file or accounts(settings).all())


def validate_exposure(settings: Settings) -> None:
    """Raise InvalidSettings where other machines would reach a shop in which nobody has to sign in, or a name is none."""
    AllowedHosts.of(settings)
    if not is_loopback(settings.host) and not requires_sign_in(settings):
        raise InvalidSettings(
            f"PIZZASHOP_HOST is {settings.host}, which other machines can reach, and nobody would have to sign in: set"
            " PIZZASHOP_STAFF_TOKEN, or make accounts with `pizzashop staff add`, or leave PIZZASHOP_HOST at 127.0.0.1"
        )


def validate_authentication(settings: Settings) -> None:
    """Raise InvalidSettings where a role could not tell its sidecar from anybody else."""
    validate_exposure(settings)
    if requires_sign_in(settings) and not settings.app_api_token:
        raise InvalidSettings(
            "The staff signs in here, so a role must know its sidecar: set APP_API_TOKEN to one long random text for"
            " the roles and the sidecars alike (`pizzashop up` does it by itself)"
        )


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="replace"), other.encode())
