"""Shutdown requests: note the signals that ask a command to stop, and end its waits in time."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pizzashop.errors import INTERRUPTED, LocalError, ShopError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_POLL_SECONDS = 0.05


class Interrupted(ShopError):
    """A shutdown was requested before the command had finished."""

    exit_code = INTERRUPTED


class Shutdown:
    """Whether a shutdown is requested, and whether a further signal forces it.

    A signal only sets a flag. The command reads it between two steps, so that no step stops half-way.
    """

    def __init__(self) -> None:
        self.is_forced = False
        self._is_requested = False
        self._has_begun = False

    def begin(self) -> None:
        """Begin the shutdown: from now on `sleep` does not raise, and a further signal forces the stop."""
        self._has_begun = True

    def sleep(self, seconds: float) -> None:
        """Sleep. Raise Interrupted as soon as a shutdown is requested, unless it has begun already."""
        deadline = time.monotonic() + seconds
        while True:
            if self._is_requested and not self._has_begun:
                raise Interrupted("Stopped before the shop was open.")
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(_POLL_SECONDS, left))

    @contextmanager
    def handle_signals(self) -> Iterator["Shutdown"]:
        """Note SIGINT, SIGTERM and SIGHUP within the block; `nohup` still makes the process ignore SIGHUP."""
        is_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        handled = [number for number in SIGNALS if not (is_nohup and number is signal.SIGHUP)]
        previous = {number: signal.signal(number, self._handle) for number in handled}
        try:
            yield self
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _handle(self, *_: object) -> None:
        self.is_forced = self._has_begun
        self._is_requested = True


def wait_until(
    is_ready: Callable[[], bool],
    name: str,
    *,
    seconds: float = 30.0,
    shutdown: Shutdown | None = None,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Poll until `is_ready`. Raise LocalError, which names `name`, after `seconds`.

    `check` runs before each pause, and may raise an error that makes further waiting pointless.
    """
    shutdown = shutdown or Shutdown()
    deadline = time.monotonic() + seconds
    while not is_ready():
        check()
        if time.monotonic() > deadline:
            raise LocalError(f"{name} was not ready after {seconds:.0f} s.")
        shutdown.sleep(_POLL_SECONDS)
