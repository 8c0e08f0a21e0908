"""One service beside the roles: started where nothing serves its port yet, ready when it says so."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pizzashop.domain.errors import LocalError
from pizzashop.local.closing import Closing
from pizzashop.local.health import wait_until
from pizzashop.local.patience import Patience
from pizzashop.local.ports import wait_for_passers
from pizzashop.local.process import Process


@dataclass
class Service:
    """A process and what it is for: `ports` are those it opens, the first is the one it serves on."""

    process: Process
    ports: tuple[int, ...]
    ready: Callable[[], bool]
    closing: Closing = field(default_factory=Closing)
    theirs: bool = False
    """Someone else runs it: it is used, and never stopped."""
    _patience: Patience = field(default_factory=Patience, repr=False)

    @property
    def name(self) -> str:
        """What it is called."""
        return self.process.name

    def launch(self) -> None:
        """Start it, and leave it to become ready."""
        wait_for_passers(self.ports, self.closing)
        self.process.start()

    def start(self, seconds: float = 30.0) -> None:
        """Start it and wait until it is ready; raises LocalError with the end of its log."""
        self.launch()
        wait_until(self.ready, self.name, seconds=seconds, closing=self.closing, check=self.check)

    @property
    def ended(self) -> bool:
        """Whether it has ended though nobody stopped it."""
        return not self.theirs and not self.process.running

    def start_again(self) -> Process:
        """Start it once more, and leave it to become ready; raises LocalError where it ended too often of late."""
        self._patience.start_again(self.process, self.ports, self.closing)
        return self.process

    def check(self) -> None:
        """Raise LocalError, with the end of its log, where it has ended."""
        if self.ended:
            raise LocalError(f"{self.name} has ended. {self.process.tail()}")

    def stop(self, seconds: float = 10.0) -> None:
        """Ask it to end and wait for it: what it holds is written first, and there is no hurrying that."""
        self.process.stop(seconds)

    def kill(self) -> None:
        """Kill it as a crash would."""
        self.process.kill()
