"""How far the records are behind the topic: while that is much, no new order is accepted, and so it becomes less."""

import time

from pizzashop.domain.errors import Unavailable
from pizzashop.domain.history import seconds_since

MOST_SECONDS = 2.0
FRESH_SECONDS = 5.0
"""How long what was seen last counts: then the topic may be quiet."""
LONG_AGO_SECONDS = 120.0
"""What is older is not late: it is told again."""


class Lag:
    """Notes how old news are when they come in; what a record knows may be told again as late as it likes."""

    def __init__(self, most: float = MOST_SECONDS) -> None:
        self._most = most
        self._late_until = 0.0

    def note(self, at: str) -> None:
        """An event comes in that was published `at`."""
        late = self._most < seconds_since(at) < LONG_AGO_SECONDS
        self._late_until = time.monotonic() + FRESH_SECONDS if late else 0.0

    def check(self) -> None:
        """Raise Unavailable where the records are too far behind for new orders."""
        if time.monotonic() < self._late_until:
            raise Unavailable("The shop is behind with its orders: ask again in a moment")
