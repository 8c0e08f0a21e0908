"""End a sidecar that accepts no worker any more. Its supervisor starts it again, and then the worker connects.

When its last worker leaves, a sidecar of Dapr 1.18 waits until all turns under way have ended, and accepts no worker
meanwhile. If one of these turns waits for a worker, the sidecar is blocked for ever (see dapr/dapr#10408).
"""

import logging
import time
from collections.abc import Callable

from pizzashop.dapr.sidecar import Sidecar
from pizzashop.errors import Unavailable

# The pause between two rounds.
WATCH_SECONDS = 5.0
# So long a sidecar may be without a worker: one that lost its connection is back within some seconds.
BLOCKED_SECONDS = 20.0

log = logging.getLogger(__name__)


class WorkerWatch:
    """Asks the sidecar in each round how many workers it has. It begins when the worker of this process has started."""

    def __init__(
        self, sidecar: Sidecar, is_started: Callable[[], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sidecar, self._is_started, self._clock = sidecar, is_started, clock
        self._missing_since: float | None = None

    def run_once(self) -> None:
        """End the sidecar if it has had no worker for too long. Raise Unavailable if it does not answer."""
        try:
            is_missing = self._is_started() and self._sidecar.count_workers() == 0
        except Unavailable:
            # A sidecar that is away accepts the worker when it is back.
            self._missing_since = None
            raise
        if not is_missing:
            self._missing_since = None
        elif self._missing_since is None:
            self._missing_since = self._clock()
        elif self._clock() - self._missing_since >= BLOCKED_SECONDS:
            log.error(
                "the sidecar has accepted no worker for %.0f s: it is ended, and its supervisor starts it again",
                BLOCKED_SECONDS,
            )
            self._missing_since = None
            self._sidecar.shut_down()
