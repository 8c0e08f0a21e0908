"""The errors of the shop.

ShopError
├── InvalidSettings     an environment variable has an invalid value
├── CorruptData         stored data cannot be read, and a person has to repair it
├── LocalError          this machine lacks something that the shop needs to run
├── Refused             the request cannot be done, and a retry will not help
│   ├── InvalidRequest  the request's content is invalid (names the fields)
│   ├── NotFound        the order, event or account does not exist
│   ├── NotAllowed      the client lacks the permission, or has to sign in first
│   └── Conflict        the request contradicts the present state
└── Unavailable         a service cannot be reached now, and a retry may help
"""

from collections.abc import Mapping, Sequence

# A command that Ctrl-C ends has this exit code: 128 plus the number of SIGINT.
INTERRUPTED = 130


class ShopError(Exception):
    """The base class. Its text is one sentence for a person; `exit_code` is the exit code of the command line."""

    exit_code = 1


class InvalidSettings(ShopError):
    """An environment variable has an invalid value."""

    exit_code = 2


class LocalError(ShopError):
    """This machine lacks something that the shop needs to run."""


class CorruptData(ShopError):
    """Stored data cannot be read, and a person has to repair it."""


class Refused(ShopError):
    """The request cannot be done, and a retry will not help. `extra` holds further fields for the HTTP response."""

    exit_code = 4

    def __init__(self, message: str, **extra: object) -> None:
        super().__init__(message)
        self.extra: Mapping[str, object] = extra


class InvalidRequest(Refused):
    """The request's content is invalid; each of `errors` names a field and says what is wrong with it."""

    exit_code = 2

    def __init__(self, message: str, errors: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(message, **({"errors": list(errors)} if errors else {}))


class NotFound(Refused):
    """The order, event or account does not exist."""

    exit_code = 3


class NotAllowed(Refused):
    """The client lacks the permission, or has to sign in first."""


class Conflict(Refused):
    """The request contradicts the present state."""


class Unavailable(ShopError):
    """A service cannot be reached now, and a retry may help."""

    exit_code = 5
