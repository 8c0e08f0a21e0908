"""The wish to close: a signal is noted, never thrown into the middle of something."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pizzashop.domain.errors import ShopError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SLICE = 0.05


class Interrupted(ShopError):
    """Someone asked to stop while something was awaited."""

    exit_code = 130


class Closing:
    """Whether the shop was told to close, and, while it closes, to hurry."""

    def __init__(self) -> None:
        self.told = False
        self.hurry = False
        self._begun = False

    def begin(self) -> None:
        """From here on the shop closes: `pause` no longer raises, and the next signal means hurry."""
        self._begun = True

    def pause(self, seconds: float) -> None:
        """Sleep; raises Interrupted when told to close meanwhile."""
        until = time.monotonic() + seconds
        while True:
            if self.told and not self._begun:
                raise Interrupted("Stopped before the shop was open.")
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(_SLICE, left))

    @contextmanager
    def listening(self) -> Iterator["Closing"]:
        """Note SIGINT, SIGTERM and SIGHUP instead of dying of them."""
        before = {each: signal.signal(each, self._note) for each in SIGNALS}
        try:
            yield self
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def _note(self, *_: object) -> None:
        self.hurry = self._begun
        self.told = True
