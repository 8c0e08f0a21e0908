"""Find the orders that are stuck: the engine should move them on, and they have made no progress for too long.

No two clocks are compared: what counts is how long this process itself has observed the same progress.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pizzashop.domain.unsettled import STUCK_SECONDS

WAKE_SECONDS = 15.0
"""How long a woken workflow may take to make progress; after that it is restarted."""
LONGEST_SECONDS = 600.0
"""The longest time between two restarts of one order: it doubles up to this."""


@dataclass
class _Watched:
    """One order: its last progress, when it counts as stuck (`until`), and the pause after its next restart."""

    progress: str
    until: float
    seconds: float
    is_woken: bool = False


class Watchdog:
    """Observes orders that the engine has to move on. One without progress for `seconds` is stuck."""

    def __init__(self, seconds: float = STUCK_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._orders: dict[str, _Watched] = {}

    def observe(self, progress: Mapping[str, str]) -> list[str]:
        """Note the present progress of each order, by id, and forget all others. Return the ids of the stuck ones."""
        now = self._clock()
        for order_id, present in progress.items():
            known = self._orders.get(order_id)
            if known is None or known.progress != present:
                self._orders[order_id] = _Watched(present, now + self._seconds, self._seconds)
        self._orders = {order_id: known for order_id, known in self._orders.items() if order_id in progress}
        return [order_id for order_id, known in self._orders.items() if now >= known.until]

    def reset(self) -> None:
        """Start anew: for a while it is unknown whether the orders made progress."""
        self._orders.clear()

    def is_woken(self, order_id: str) -> bool:
        """Whether the workflow of the order was woken, and the order has made no progress since."""
        return self._orders[order_id].is_woken

    def postpone(self, order_id: str) -> None:
        """Note that nothing could be done about the order: it counts as stuck again after a while."""
        known = self._orders[order_id]
        known.until = self._clock() + known.seconds

    def note_woken(self, order_id: str) -> None:
        """Note that the workflow of the order was woken."""
        known = self._orders[order_id]
        known.is_woken, known.until = True, self._clock() + min(WAKE_SECONDS, self._seconds)

    def note_restarted(self, order_id: str) -> None:
        """Note that the workflow of the order was restarted."""
        known = self._orders[order_id]
        known.is_woken, known.seconds = False, min(2 * known.seconds, LONGEST_SECONDS)
        known.until = self._clock() + known.seconds
