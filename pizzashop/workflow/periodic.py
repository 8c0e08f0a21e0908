"""A beat: does one thing again and again on a thread of its own, whatever was away the last time."""

import logging
import threading
from abc import ABC, abstractmethod

from pizzashop.errors import Unavailable

log = logging.getLogger(__name__)


class PeriodicTask(ABC):
    """Does `once` every `seconds`, from `start` to `stop`."""

    def __init__(self, name: str, seconds: float) -> None:
        self._name, self._seconds = name, seconds
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.stopping = threading.Event()

    @abstractmethod
    def once(self) -> None:
        """Make one round; ends early once `stopping` is set."""

    def start(self) -> None:
        """Begin, after the first pause."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is at hand; returns at once."""
        self.stopping.set()

    def join(self, seconds: float) -> None:
        """Wait at most `seconds` for what is at hand, after `stop`."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        while not self.stopping.wait(self._seconds):
            try:
                self.once()
            except Unavailable as error:
                log.debug("%s: nothing done: %s", self._name, error)
            except Exception:
                # A defect in one round must not end all those that follow.
                log.exception("a defect of the shop, in %s", self._name)
