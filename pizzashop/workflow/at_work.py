"""What role `workflow` has at work beside its routes: the worker, the sweep, the housekeeping."""

import threading
import time

from pizzashop.settings import Settings
from pizzashop.sidecar import Sidecar
from pizzashop.workflow.activities import Activities
from pizzashop.workflow.contents import Contents
from pizzashop.workflow.dapr_engine import DaprEngine
from pizzashop.workflow.housekeeping import Housekeeping
from pizzashop.workflow.in_hand import InHand
from pizzashop.workflow.office import Office
from pizzashop.workflow.sweep import Sweep
from pizzashop.workflow.worker import Worker

ROUND_SECONDS = 3.0
"""How long what the beats are at is waited for: nothing is to run on a client that is closed."""


class AtWork:
    """Started as it is made; `stop` takes no more work, `close` gives all back."""

    def __init__(self, sidecar: Sidecar, grpc_port: int, settings: Settings) -> None:
        self.engine, self.in_hand = DaprEngine(grpc_port), InHand(settings.threads)
        self.contents = Contents(sidecar)
        self._worker = Worker(grpc_port, Activities(sidecar, settings.pace, self.contents), self.in_hand)
        self._sweep = Sweep(sidecar, Office(sidecar, self.engine, settings), self.in_hand)
        self._housekeeping = Housekeeping(sidecar, self.engine, settings.retention)
        self._stopping = threading.Thread(target=self._worker.stop, name="stopping")
        for each in (self._worker, self._sweep, self._housekeeping):
            each.start()

    def stop(self) -> None:
        """Take no more work; the worker disconnects. Returns at once, and may be said again."""
        self._sweep.stop()
        self._housekeeping.stop()
        if self._stopping.ident is None:
            self._stopping.start()

    def close(self) -> None:
        """Give everything back, after `stop`."""
        until = time.monotonic() + ROUND_SECONDS
        for each in (self._sweep, self._housekeeping):
            each.join(max(0.0, until - time.monotonic()))
        self._stopping.join()
        self.engine.close()
