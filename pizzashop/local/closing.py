"""The wish to close: a signal is noted, never thrown into the middle of something."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pizzashop.domain.errors import INTERRUPTED, ShopError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SLICE = 0.05


class Interrupted(ShopError):
    """Someone asked to stop while something was awaited."""

    exit_code = INTERRUPTED


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
        """Note SIGINT, SIGTERM and SIGHUP instead of dying of them; under `nohup` a hang-up is still ignored."""
        is_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        noted = [each for each in SIGNALS if not (is_nohup and each is signal.SIGHUP)]
        before = {each: signal.signal(each, self._note) for each in noted}
        try:
            yield self
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def _note(self, *_: object) -> None:
        self.hurry = self._begun
        self.told = True
