"""A task that runs again and again on a thread of its own."""

import logging
import threading
from abc import ABC, abstractmethod

from pizzashop.errors import Unavailable

log = logging.getLogger(__name__)


class PeriodicTask(ABC):
    """Calls `run_once` every `seconds`, from `start` to `stop`, whatever the last round raised."""

    def __init__(self, name: str, seconds: float) -> None:
        self._name, self._seconds = name, seconds
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.stopping = threading.Event()

    @abstractmethod
    def run_once(self) -> None:
        """Run one round; return early once `stopping` is set."""

    def start(self) -> None:
        """Start the thread. The first round comes after `seconds`."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the present round. Return at once."""
        self.stopping.set()

    def join(self, seconds: float) -> None:
        """Wait at most `seconds` for the end of the present round, after `stop`."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        while not self.stopping.wait(self._seconds):
            try:
                self.run_once()
            except Unavailable as error:
                log.debug("%s: this round could not be finished, the next one comes: %s", self._name, error)
            except Exception:
                # A defect in one round must not end all that follow.
                log.exception("%s: a defect ended this round, the next one comes", self._name)
