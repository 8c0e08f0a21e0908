"""What can go wrong in the shop.

ShopError
├── InvalidSettings       an environment variable makes no sense
├── CorruptData            what the store holds cannot be read: somebody has to see to it
├── LocalError        this machine lacks something that the shop needs to run
├── Refused           the request cannot be done, and asking again will not help
│   ├── InvalidRequest       what was sent is not what is needed (with the fields at fault)
│   ├── NotFound      there is no such order
│   ├── NotAllowed    whoever asks may not do this, or has to sign in first
│   └── Conflict      it contradicts what is already so
└── Unavailable       something needed cannot be reached just now; asking again may help
"""

from collections.abc import Mapping, Sequence

INTERRUPTED = 130
"""The exit code of a command that was ended with Ctrl-C."""


class ShopError(Exception):
    """The root. Its text is one sentence for a person; `exit_code` is what the command line ends with."""

    exit_code = 1


class InvalidSettings(ShopError):
    """An environment variable makes no sense."""

    exit_code = 2


class LocalError(ShopError):
    """This machine lacks something that the shop needs to run."""


class CorruptData(ShopError):
    """What the store holds cannot be read: somebody has to see to it."""


class Refused(ShopError):
    """The request cannot be done, and asking again will not help."""

    exit_code = 4

    def __init__(self, message: str, **extra: object) -> None:
        super().__init__(message)
        self.extra: Mapping[str, object] = extra


class InvalidRequest(Refused):
    """What was sent is not what is needed; `errors` names the fields."""

    exit_code = 2

    def __init__(self, message: str, errors: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(message, **({"errors": list(errors)} if errors else {}))


class NotFound(Refused):
    """There is no such order."""

    exit_code = 3


class NotAllowed(Refused):
    """Whoever asks may not do this, or has to sign in first."""


class Conflict(Refused):
    """It contradicts what is already so."""


class Unavailable(ShopError):
    """Something needed cannot be reached just now; asking again may help."""

    exit_code = 5
