"""What the roles need of Dapr: to publish, to invoke, and to read and write state. `dapr_sidecar` has the real one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from pizzashop.roles import Role

Content = dict[str, Any]


class ETagMismatch(Exception):
    """A conditional write met another that came first: read again, and decide again."""


@dataclass(frozen=True)
class StoredValue:
    """A value of the state store with the ETag that a conditional write needs; None and "" where there is none."""

    value: bytes | None
    etag: str


class Write(NamedTuple):
    """A value to be written if the one that is there still has `etag` ("": if there is none yet)."""

    key: str
    value: str
    etag: str


class Sidecar(Protocol):
    """What the roles need of Dapr. Every method raises Unavailable where the sidecar, or what is behind it, is away."""

    def publish(self, events: Sequence[Content]) -> int:
        """Publish events of one order on the topic `orders`, in their order; answers how many, from the first on.

        Those after them may be out or not: to be sure, they are published again.
        """

    def invoke(self, role: Role, method: str, path: str, content: Any = None) -> Any:
        """Call another role and answer its JSON; raises Refused as that role said it."""

    async def ainvoke(self, role: Role, path: str, content: Any, seconds: float) -> Any:
        """POST to another role from a coroutine, and wait at most `seconds` for its answer."""

    async def apublish(self, event: Content) -> None:
        """Publish from a coroutine."""

    def load(self, key: str) -> StoredValue:
        """Read one value."""

    def load_many(self, keys: Sequence[str]) -> list[StoredValue]:
        """Read several values, in the order of `keys`."""

    def save(self, key: str, value: str, etag: str) -> None:
        """Write if the value still has `etag` ("": if there is none yet); raises ETagMismatch otherwise."""

    def save_many(self, writes: Sequence[Write]) -> list[bool]:
        """Write each, no two of one key, if its value still has its `etag`; answers for each whether it was written."""

    def delete(self, key: str, etag: str = "") -> None:
        """Delete if the value still has `etag` ("": in any case); raises ETagMismatch otherwise. None there is as good."""

    async def aput(self, key: str, value: str) -> None:
        """Write, whatever was there."""
