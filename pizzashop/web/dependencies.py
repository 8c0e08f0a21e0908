"""What every role is given to work with: its sidecar, the limit on concurrent steps, and a clock."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pizzashop.dapr.sidecar import Sidecar
from pizzashop.errors import Unavailable

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


class ConcurrencyLimit:
    """Limit how many steps a process runs at the same time. Once `stopping` is set, no step begins.

    Entering the `with` block raises Unavailable when the limit is reached or the process is stopping.
    """

    def __init__(self, max_steps: int) -> None:
        self._free = threading.Semaphore(max_steps)
        self.stopping = threading.Event()

    def __enter__(self) -> None:
        if self.stopping.is_set():
            raise Unavailable("This process is stopping")
        if not self._free.acquire(blocking=False):
            raise Unavailable("Too many orders at once: try again in a moment")

    def __exit__(self, *_: object) -> None:
        self._free.release()


@dataclass(frozen=True)
class Dependencies:
    """The role's sidecar, the limit on concurrent steps of its process, and the clock."""

    sidecar: Sidecar
    limit: ConcurrencyLimit
    clock: Clock = utc_now
