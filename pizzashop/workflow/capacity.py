"""How many orders a process has in hand: beyond that no new one is started, so that those in flight go on well."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from pizzashop.errors import Unavailable

TOO_MANY = "Too many orders at once: ask again in a moment"
STARTS_AT_ONCE = 16
TURN_SECONDS = 3.0
"""How long a start waits for its turn: a rush of orders is taken in one after another, and nobody waits for long."""
BEGIN_SECONDS = 10.0
"""How long a started order is expected to begin here: with several processes another may have it."""


class Capacity:
    """Counts the orders that were started here and have not begun, and those with an activity under way.

    An order that waits for the manager is neither, and costs nothing.
    """

    def __init__(
        self,
        most: int,
        starts_at_once: int = STARTS_AT_ONCE,
        begin_seconds: float = BEGIN_SECONDS,
        turn_seconds: float = TURN_SECONDS,
    ) -> None:
        self._most, self._begin_seconds, self._turn_seconds = most, begin_seconds, turn_seconds
        self._starts = threading.Semaphore(starts_at_once)
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()
        self._expected: dict[str, float] = {}

    @contextmanager
    def starting(self, order_id: str) -> Iterator[None]:
        """Start an order; raises Unavailable where there are enough."""
        if not self._starts.acquire(timeout=self._turn_seconds):
            raise Unavailable(TOO_MANY)
        try:
            self._admit(order_id)
            yield
        except BaseException:
            self._expected.pop(order_id, None)
            raise
        finally:
            self._starts.release()

    @contextmanager
    def under_way(self, order_id: str) -> Iterator[None]:
        """An activity of the order is under way."""
        with self._lock:
            self._busy[order_id] += 1
            self._expected.pop(order_id, None)
        try:
            yield
        finally:
            with self._lock:
                self._busy[order_id] -= 1
                if not self._busy[order_id]:
                    del self._busy[order_id]

    def is_under_way(self, order_id: str) -> bool:
        """Whether an activity of the order is under way in this process."""
        return order_id in self._busy

    def _admit(self, order_id: str) -> None:
        with self._lock:
            past = time.monotonic() - self._begin_seconds
            self._expected = {each: since for each, since in self._expected.items() if since > past}
            if self._busy.total() + len(self._expected) >= self._most:
                raise Unavailable(TOO_MANY)
            self._expected[order_id] = time.monotonic()
