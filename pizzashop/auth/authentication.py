"""Find out who sends a request: a member of the staff by password, token, link or session, or a program by its token.

Sign-in is required once the shop has a staff token or accounts. Without them it admits everybody, so it must not be
reachable from other machines.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from pizzashop.auth.accounts import Accounts, SignedOutSessions, redeem_sign_in_link, session_signing_key
from pizzashop.auth.origin import AllowedHosts
from pizzashop.auth.people import EVERY_STAFF_ROLE, Person
from pizzashop.errors import CorruptData, InvalidSettings
from pizzashop.settings import Settings, is_loopback

ACCOUNTS_FILE = "staff.json"
SIGNED_OUT_DIRECTORY = "signed-out"
# A work shift and some more: then everybody signs in again.
SESSION_SECONDS = 12 * 3600


@dataclass(frozen=True)
class Authenticator:
    """Authenticate the requests of one process.

    `accounts` is None if nobody has to sign in; `app_token` is the sidecar's token, "" if it has none; `metrics_token`
    is that of a collector of metrics, "" if it has none; `key` signs the sessions of role `storefront`.
    """

    accounts: Accounts | None = None
    staff_token: str = ""
    app_token: str = ""
    key: str = ""
    state_dir: Path = Path()
    https: bool = False
    metrics_token: str = ""

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return the authenticator for these settings; create the key that signs sessions if it is absent."""
        if not requires_sign_in(settings):
            return cls(app_token=settings.app_api_token)
        state_dir = settings.state_dir.expanduser()
        return cls(
            accounts=open_accounts(settings),
            staff_token=settings.staff_token,
            app_token=settings.app_api_token,
            key=settings.secret or session_signing_key(state_dir),
            state_dir=state_dir,
            https=settings.https,
            metrics_token=settings.metrics_token,
        )

    @property
    def requires_sign_in(self) -> bool:
        """Whether the staff has to sign in."""
        return self.accounts is not None

    def is_sidecar(self, token: str) -> bool:
        """Return whether `token` proves that the request comes from the role's own sidecar."""
        return bool(self.app_token) and _is_equal(token, self.app_token)

    def is_collector(self, token: str) -> bool:
        """Return whether `token` is that of a program which may collect the metrics."""
        return bool(self.metrics_token) and _is_equal(token, self.metrics_token)

    def may_be_sidecar(self, token: str) -> bool:
        """Return whether the request may come from the sidecar: always if the sidecar has no token."""
        return not self.app_token or self.is_sidecar(token)

    def authenticate_token(self, token: str) -> Person | None:
        """Return the person with this token; the shared staff token belongs to a person without a name."""
        if self.staff_token and _is_equal(token, self.staff_token):
            return Person("", EVERY_STAFF_ROLE)
        return self.accounts.authenticate_token(token) if self.accounts else None

    def authenticate_password(self, name: str, password: str) -> Person | None:
        """Return the person who signs in with an account, or with the shared staff token and any other name."""
        if self.accounts is None:
            return None
        if self.staff_token and name not in self.accounts.all() and _is_equal(password, self.staff_token):
            return Person(name, EVERY_STAFF_ROLE)
        return self.accounts.authenticate_password(name, password)

    def authenticate_link(self, token: str) -> Person | None:
        """Return the person who signs in with a link that the shop's operator has created, and use the link up."""
        name = redeem_sign_in_link(self.state_dir, token)
        return None if name is None else Person(name, EVERY_STAFF_ROLE)

    # A session is a JSON object in a signed cookie: the person's `name`, when they signed in (`since`, in seconds since
    # the epoch), and a digest of the credential that they signed in with (`mark`). Browsers keep the cookie, so the
    # names of these fields must not change.

    def create_session(self, person: Person, now: float) -> dict[str, Any]:
        """Return the session of a person who has just signed in."""
        return {"name": person.name, "mark": self._credential_digest(person.name), "since": now}

    def authenticate_session(self, session: Mapping[str, Any], now: float) -> Person | None:
        """Return the person in a session; None if it has expired, was signed out, or its credential has changed."""
        name = session["name"]
        is_current = 0 <= now - session["since"] < SESSION_SECONDS
        if not is_current or not _is_equal(session["mark"], self._credential_digest(name)):
            return None
        if session in self._signed_out_sessions:
            return None
        account = self.accounts.all().get(name) if self.accounts else None
        return account.person(name) if account else Person(name, EVERY_STAFF_ROLE)

    def sign_out(self, session: Mapping[str, Any]) -> None:
        """End a session; browsers and live pages that still have it are signed out too."""
        self._signed_out_sessions.add(session)

    @property
    def _signed_out_sessions(self) -> SignedOutSessions:
        return SignedOutSessions(self.state_dir / SIGNED_OUT_DIRECTORY, SESSION_SECONDS)

    def _credential_digest(self, name: str) -> str:
        account = self.accounts.all().get(name) if self.accounts else None
        credential = f"account {account.password}" if account else f"token {self.staff_token}"
        return hmac.new(self.key.encode(), credential.encode(), sha256).hexdigest()[:32]


def open_accounts(settings: Settings) -> Accounts:
    """Return the accounts of the shop; their file may be absent."""
    return Accounts((settings.staff_file or settings.state_dir / ACCOUNTS_FILE).expanduser())


def requires_sign_in(settings: Settings) -> bool:
    """Return whether the staff has to sign in: there is a staff token, or there are accounts."""
    return bool(settings.staff_token or settings.staff_file or open_accounts(settings).all())


def validate_exposure(settings: Settings) -> None:
    """Raise InvalidSettings if other machines reach a shop without sign-in, or if a host name is invalid."""
    AllowedHosts.from_settings(settings)
    if not is_loopback(settings.host) and not requires_sign_in(settings):
        raise InvalidSettings(
            f"PIZZASHOP_HOST is {settings.host}, which other machines can reach, and nobody would have to sign in: set"
            " PIZZASHOP_STAFF_TOKEN, or add accounts with `pizzashop staff add`, or leave PIZZASHOP_HOST at 127.0.0.1"
        )


def is_for_this_machine_alone(settings: Settings) -> bool:
    """Return whether only this machine reaches the shop: it is on loopback, without a sign-in and without a proxy."""
    try:
        return is_loopback(settings.host) and not settings.hosts and not requires_sign_in(settings)
    except CorruptData:
        # There are accounts, though they cannot be read.
        return False


def validate_authentication(settings: Settings) -> None:
    """Raise InvalidSettings if `validate_exposure` does, or if a role could not recognise its own sidecar."""
    validate_exposure(settings)
    if requires_sign_in(settings) and not settings.app_api_token:
        raise InvalidSettings(
            "The staff signs in here, so a role must know its sidecar: set APP_API_TOKEN to the same long random text"
            " for the roles and the sidecars (`pizzashop up` does this by itself)"
        )


def _is_equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
