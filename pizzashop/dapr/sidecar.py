"""The interface of a Dapr sidecar: what the roles need of Dapr, apart from the workflow engine.

`SidecarClient` in `client.py` implements it over HTTP; the tests have an implementation in memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from pizzashop.roles import Role

# How long a call waits for another role, unless its caller says otherwise.
INVOKE_SECONDS = 10.0


class EtagMismatch(Exception):
    """A conditional write or delete was refused: the value has changed since it was read."""


@dataclass(frozen=True)
class StoredValue:
    """A value in the state store and its ETag; None and "" if the key is absent."""

    value: bytes | None
    etag: str


ABSENT = StoredValue(None, "")


class Write(NamedTuple):
    """A conditional write: it succeeds only if the stored value still has `etag` ("": if the key is absent)."""

    key: str
    value: str
    etag: str


class Sidecar(Protocol):
    """The sidecar of one role.

    Every method raises Unavailable if the sidecar does not answer in time, or cannot reach the service behind it.
    Methods whose names begin with `a` are for coroutines.
    """

    def load(self, key: str) -> StoredValue:
        """Return one value."""

    def load_many(self, keys: Sequence[str]) -> list[StoredValue]:
        """Return several values, in the order of `keys`."""

    def save(self, key: str, value: str, etag: str) -> None:
        """Write a value if the stored one still has `etag` ("": if the key is absent); else raise EtagMismatch."""

    def save_many(self, writes: Sequence[Write]) -> list[bool]:
        """Write several values, each with a different key; return for each whether its ETag matched."""

    def delete(self, key: str, etag: str = "") -> None:
        """Delete a value if it still has `etag` ("": always); else raise EtagMismatch. Succeed if the key is absent."""

    def predict_etag(self, etag: str) -> str | None:
        """Return the ETag of a value that was just written with `etag`; None if only a read can tell."""

    async def aput(self, key: str, json_value: str) -> None:
        """Write a value, whatever is stored. It is stored as the JSON that it is; `save` stores a string."""

    def publish(self, events: Sequence[dict[str, Any]]) -> int:
        """Publish events of one order on the topic `orders`, in no certain order.

        Return how many of them, from the first on, were certainly published. The caller has to publish the rest again.
        """

    async def apublish(self, event: dict[str, Any]) -> None:
        """Publish one event."""

    def invoke(self, role: Role, method: str, path: str, content: Any = None, seconds: float = INVOKE_SECONDS) -> Any:
        """Call another role and return the JSON of its answer; raise Refused if that role refuses.

        Raise Unavailable if nothing of the answer arrives within `seconds`.
        """

    async def ainvoke(self, role: Role, path: str, content: Any, seconds: float) -> Any:
        """POST to another role as `invoke` does, and wait at most `seconds` for the whole answer."""

    def count_workers(self) -> int:
        """Return how many workflow workers are connected to the sidecar."""

    def shut_down(self) -> None:
        """Ask the sidecar to end."""
