"""How often what ends by itself is started again."""

import time
from collections import deque
from collections.abc import Callable, Iterable

import psutil

from pizzashop.domain.errors import LocalError
from pizzashop.local.closing import Closing
from pizzashop.local.ports import wait_for_passers
from pizzashop.local.process import Process

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

    def start_again(self, process: Process, ports: Iterable[int], closing: Closing) -> psutil.Process:
        """Start what has ended once more; raises LocalError, with the end of its log, where that is too often."""
        if self.over():
            raise LocalError(f"{process.name} ends again and again. {process.tail()}")
        wait_for_passers(ports, closing)
        return process.start()
