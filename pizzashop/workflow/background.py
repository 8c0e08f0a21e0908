"""The background tasks of role `workflow`: the worker, the reconciler and the housekeeping."""

import threading
import time

from pizzashop.dapr.sidecar import Sidecar
from pizzashop.settings import Settings
from pizzashop.workflow.activities import Activities, ContentCache
from pizzashop.workflow.capacity import Capacity
from pizzashop.workflow.commands import OrderCommands
from pizzashop.workflow.engine import DaprEngine
from pizzashop.workflow.housekeeping import Housekeeping
from pizzashop.workflow.reconciler import Reconciler, Watchdog
from pizzashop.workflow.worker import Worker

# How long `close` waits for the present rounds: nothing may run on a client that is closed.
_ROUND_SECONDS = 3.0


class Background:
    """Runs from its construction to `stop`; `close` then closes its connections."""

    def __init__(self, sidecar: Sidecar, grpc_port: int, settings: Settings) -> None:
        contents = ContentCache(sidecar)
        self.capacity = Capacity(settings.threads)
        self._engine = DaprEngine(grpc_port)
        self.commands = OrderCommands(sidecar, self._engine, settings, contents)
        self._worker = Worker(grpc_port, Activities(sidecar, settings.pace, contents), self.capacity)
        self._reconciler = Reconciler(sidecar, self.commands, self.capacity, Watchdog())
        self._housekeeping = Housekeeping(sidecar, self._engine, settings.retention)
        self._stop_worker = threading.Thread(target=self._worker.stop, name="stop-worker")
        for task in (self._worker, self._reconciler, self._housekeeping):
            task.start()

    def stop(self) -> None:
        """Take no more work, and disconnect the worker. Return at once; it may be called again."""
        self._reconciler.stop()
        self._housekeeping.stop()
        if self._stop_worker.ident is None:
            self._stop_worker.start()

    def close(self) -> None:
        """Wait for the present rounds, and close the connections. Call `stop` first."""
        end = time.monotonic() + _ROUND_SECONDS
        for task in (self._reconciler, self._housekeeping):
            task.join(max(0.0, end - time.monotonic()))
        self._stop_worker.join()
        self._engine.close()
