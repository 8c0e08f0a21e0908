"""What the steps of one process share: the gate that lets them in, and what each needs to be done."""

import threading
from dataclasses import dataclass

from pizzashop.domain.errors import Unavailable
from pizzashop.sidecar import Sidecar


class Gate:
    """How many steps a process takes in at a time; shut for good when the process is to stop."""

    def __init__(self, places: int) -> None:
        self._places = threading.Semaphore(places)
        self.stopping = threading.Event()

    def __enter__(self) -> None:
        if self.stopping.is_set():
            raise Unavailable("This process is stopping")
        if not self._places.acquire(blocking=False):
            raise Unavailable("Too many orders at once: ask again in a moment")

    def __exit__(self, *_: object) -> None:
        self._places.release()


@dataclass(frozen=True)
class Means:
    """What a run needs: the sidecar, the gate, the pace, and which stage of which orders is to fail."""

    sidecar: Sidecar
    gate: Gate
    pace: float = 1.0
    fail: str = ""
