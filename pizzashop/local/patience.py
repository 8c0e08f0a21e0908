"""How often what ends by itself is started again."""

import time
from collections import deque
from collections.abc import Callable

MOST, WITHIN_SECONDS = 3, 60.0
"""So often in so long: what ends more often does not mend by that."""


class Patience:
    """Counts how often something has ended of late; `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at: deque[float] = deque(maxlen=MOST)

    def over(self) -> bool:
        """It has ended once more: whether that is too often."""
        now = self._clock()
        is_over = len(self._at) == MOST and now - self._at[0] < WITHIN_SECONDS
        self._at.append(now)
        return is_over
