"""How many orders one process handles at the same time. Beyond that it starts no further ones."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from pizzashop.errors import Unavailable

_MAX_STARTS = 16
# How long a start waits while others are under way: a burst of orders is accepted, and no client waits for long.
_START_WAIT_SECONDS = 3.0
# How long a scheduled order counts, unless its first activity runs here: another process may run it.
_BEGIN_SECONDS = 10.0


class Capacity:
    """Counts this process's running activities, and the orders that it scheduled whose first activity has not run.

    An order has one running activity at a time. While it waits for the manager it has none, and does not count.
    """

    def __init__(
        self,
        max_orders: int,
        max_starts: int = _MAX_STARTS,
        begin_seconds: float = _BEGIN_SECONDS,
        start_wait_seconds: float = _START_WAIT_SECONDS,
    ) -> None:
        self._max_orders, self._begin_seconds, self._start_wait_seconds = max_orders, begin_seconds, start_wait_seconds
        self._starts = threading.Semaphore(max_starts)
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()
        self._started_at: dict[str, float] = {}

    @contextmanager
    def start_order(self, order_id: str) -> Iterator[None]:
        """Count an order that is started in the block. Raise Unavailable at the limit."""
        if not self._starts.acquire(timeout=self._start_wait_seconds):
            raise _too_many_orders()
        try:
            self._admit(order_id)
            yield
        except BaseException:
            self._started_at.pop(order_id, None)
            raise
        finally:
            self._starts.release()

    @contextmanager
    def run_activity(self, order_id: str) -> Iterator[None]:
        """Count an order while the activity in the block runs."""
        with self._lock:
            self._running[order_id] += 1
            self._started_at.pop(order_id, None)
        try:
            yield
        finally:
            with self._lock:
                self._running[order_id] -= 1
                if not self._running[order_id]:
                    del self._running[order_id]

    def has_running_activity(self, order_id: str) -> bool:
        """Return whether an activity of the order runs in this process."""
        return order_id in self._running

    def _admit(self, order_id: str) -> None:
        with self._lock:
            now = time.monotonic()
            self._started_at = {
                each: started_at
                for each, started_at in self._started_at.items()
                if started_at > now - self._begin_seconds
            }
            if self._running.total() + len(self._started_at) >= self._max_orders:
                raise _too_many_orders()
            self._started_at[order_id] = now


def _too_many_orders() -> Unavailable:
    return Unavailable("Too many new orders at once: ask again in a moment")
