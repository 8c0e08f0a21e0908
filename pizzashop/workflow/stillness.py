"""Which orders stand still: the engine should move them on, and their records have not changed for too long.

Nothing here compares two clocks: what counts is how long this process itself has seen no progress.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pizzashop.domain.unsettled import STILL_SECONDS

WOKEN_SECONDS = 15.0
"""How long a workflow that was woken has to move before it is begun again;"""
LONGEST_SECONDS = 600.0
"""and how long it has at most after it was begun again: the time doubles up to this."""


@dataclass
class _Still:
    progress: str
    until: float
    seconds: float
    is_woken: bool = False


class Stillness:
    """Watches the records of the orders that the engine has to move on."""

    def __init__(self, seconds: float = STILL_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._orders: dict[str, _Still] = {}

    def see(self, progress: Mapping[str, str]) -> list[str]:
        """Take how far all these orders have come; answers those that stand still."""
        now = self._clock()
        for order_id, come in progress.items():
            known = self._orders.get(order_id)
            if known is None or known.progress != come:
                self._orders[order_id] = _Still(come, now + self._seconds, self._seconds)
        self._orders = {order_id: known for order_id, known in self._orders.items() if order_id in progress}
        return [order_id for order_id, known in self._orders.items() if now >= known.until]

    def forget(self) -> None:
        """Begin anew: for a while nobody has seen whether the orders made progress."""
        self._orders.clear()

    def is_woken(self, order_id: str) -> bool:
        """Whether the order's workflow was woken, and the order has not moved since."""
        return self._orders[order_id].is_woken

    def put_off(self, order_id: str) -> None:
        """Nothing could be done about it: look again after a while."""
        known = self._orders[order_id]
        known.until = self._clock() + known.seconds

    def woken(self, order_id: str) -> None:
        """Its workflow was woken."""
        known = self._orders[order_id]
        known.is_woken, known.until = True, self._clock() + min(WOKEN_SECONDS, self._seconds)

    def begun_again(self, order_id: str) -> None:
        """Its workflow was begun again."""
        known = self._orders[order_id]
        known.is_woken, known.seconds = False, min(2 * known.seconds, LONGEST_SECONDS)
        known.until = self._clock() + known.seconds
