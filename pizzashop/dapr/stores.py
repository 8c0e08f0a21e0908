"""What the shop knows of the state store behind the sidecar: its ETags, and what its errors mean.

A conditional write carries the ETag of the value that it replaces, and the store refuses it when the value has another.
Dapr passes a store's ETags and error texts on as they are, so there is one dialect for each store.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from pizzashop.errors import Unavailable
from pizzashop.roles import STATE_STORE

# Redis and Valkey begin an error with one of these codes.
_REDIS_ERRORS = {
    "OOM": "it is out of memory",
    "MISCONF": "it cannot write to its disk",
    "READONLY": "it is a replica, and takes no writes",
    "NOREPLICAS": "too few of its replicas are there",
    "NOPERM": "its user may not do that",
    "LOADING": "it still reads its data from disk",
}
_REDIS_ERROR = re.compile(rf"\b({'|'.join(_REDIS_ERRORS)}) ")
# PostgreSQL has a code of five characters for each kind of error.
_SQL_ERRORS = {
    "25006": "it is a replica or set to read-only, and takes no writes",
    "28000": "it refuses the login",
    "28P01": "it refuses the password",
    "3D000": "it has no such database",
    "42501": "its user may not do that",
    "53100": "its disk is full",
    "53200": "it is out of memory",
    "53300": "it has no free connection",
    "57P01": "it is stopping",
    "57P03": "it is starting or stopping",
}
_SQL_ERROR = re.compile(rf"SQLSTATE ({'|'.join(_SQL_ERRORS)})\b")


class StoreDialect(ABC):
    """How one kind of store reports the result of conditional writes and deletes."""

    # The condition, as a member of a JSON object, of a write that succeeds only when the key is absent.
    create_condition: str
    # Whether a key is certainly absent when a read of several keys does not find it.
    is_bulk_absence_certain: bool

    @abstractmethod
    def predict_etag(self, etag: str) -> str | None:
        """Return the ETag after a write with `etag` ("": the key was absent), None when it cannot be known.

        The answer to a write does not name the new ETag. A wrong prediction does no harm: the store refuses the next
        write, and its writer then reads the value.
        """

    @abstractmethod
    def is_etag_mismatch(self, status: int, message: str) -> bool:
        """Return whether an error is about the ETags of conditional writes alone, not about a failure of the store.

        `message` has a line for each write that did not succeed, or is about one of them. A writer whose ETag was not
        the cause reads the value again, and writes again, so it meets the other cause then.
        """


class RedisDialect(StoreDialect):
    """Redis and Valkey count the writes of each key from 1 on.

    A write with any ETag succeeds when the key is absent.
    """

    # No value ever has version 0.
    create_condition = '"etag":"0"'
    is_bulk_absence_certain = True

    # Dapr's script inside Redis reports an ETag mismatch with these words.
    _mismatch = re.compile(r"failed to (set key|delete)\b")

    def predict_etag(self, etag: str) -> str | None:
        return str(int(etag or "0") + 1)

    def is_etag_mismatch(self, status: int, message: str) -> bool:
        # Dapr calls every error of a conditional write a possible mismatch.
        errors = [line.rpartition("error from state store: ") for line in message.splitlines()]
        return status == 409 and all(self._mismatch.search(error) for _, marker, error in errors if marker)


class PostgresqlDialect(StoreDialect):
    """PostgreSQL gives each value that is written a random UUID.

    A write or delete with an ETag is refused when the key is absent.
    """

    # Without an ETag, "first-write" inserts a row, and fails if there is one.
    create_condition = '"etag":null'

    # Dapr's words for an insert that finds the key.
    _key_exists = "no item was updated"
    # Dapr 1.18 does not notice that the connection broke while it read the rows: then all keys look absent.
    is_bulk_absence_certain = False

    def predict_etag(self, etag: str) -> str | None:  # noqa: ARG002
        return None

    def is_etag_mismatch(self, status: int, message: str) -> bool:
        if status == 409:
            return True
        lines = message.splitlines()
        return bool(lines) and all(line.endswith(self._key_exists) for line in lines)


_DIALECTS: Mapping[tuple[str, str], StoreDialect] = {
    ("state.redis", "v1"): RedisDialect(),
    ("state.postgresql", "v2"): PostgresqlDialect(),
}


def find_dialect(components: Sequence[Mapping[str, Any]]) -> StoreDialect:
    """Return the dialect of the state store among the components of a sidecar.

    Raise Unavailable if there is no store, or one that the shop does not know.
    """
    store = next((each for each in components if each["name"] == STATE_STORE), None)
    if store is None:
        raise Unavailable(f"The sidecar has no state store {STATE_STORE}")
    kind = store["type"], store["version"]
    if kind not in _DIALECTS:
        raise Unavailable(f"The shop does not know the ETags of the state store {' '.join(kind)}")
    return _DIALECTS[kind]


def explain_store_error(error: str) -> str:
    """Return one sentence for the error of the store that `error` contains; "" if it contains no known one."""
    if found := _SQL_ERROR.search(error):
        return f"The state store failed: {_SQL_ERRORS[found[1]]}"
    if found := _REDIS_ERROR.search(error):
        reason = "its disk is full" if "No space left" in error else _REDIS_ERRORS[found[1]]
        return f"The state store failed: {reason}"
    return ""
