"""The background tasks of role `workflow`: the worker with its watch, the reconciler and the purger."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pizzashop.dapr.sidecar import Sidecar
from pizzashop.errors import Unavailable
from pizzashop.metrics import RoleMetrics, WorkflowMetrics
from pizzashop.settings import Settings
from pizzashop.workflow.activities import Activities, ContentCache
from pizzashop.workflow.capacity import MAX_STARTS, RunningActivities, StartQueue
from pizzashop.workflow.commands import OrderCommands
from pizzashop.workflow.engine import DaprEngine
from pizzashop.workflow.purger import WorkflowPurger, purge_interval
from pizzashop.workflow.reconciler import RECONCILE_SECONDS, Reconciler, Watchdog
from pizzashop.workflow.worker import Worker
from pizzashop.workflow.worker_watch import WATCH_SECONDS, WorkerWatch

# How long `close` waits for the present rounds: nothing may run on a client that is closed.
_ROUND_SECONDS = 3.0

log = logging.getLogger(__name__)


class Background:
    """Runs from its construction to `stop`; `close` then closes its connections."""

    def __init__(self, sidecar: Sidecar, grpc_port: int, settings: Settings, role_metrics: RoleMetrics) -> None:
        contents, running = ContentCache(sidecar), RunningActivities()
        self._engine = DaprEngine(grpc_port)
        self._starts = StartQueue(
            ThreadPoolExecutor(MAX_STARTS, thread_name_prefix="start"), settings.max_waiting_starts
        )
        self.commands = OrderCommands(sidecar, self._engine, settings, contents, self._starts)
        self._worker = Worker(
            grpc_port, Activities(sidecar, settings.pace, contents, max_steps=settings.max_steps), running
        )
        self._stop_worker = threading.Thread(target=self._worker.stop, name="stop-worker")
        self._stopping = threading.Event()
        metrics = WorkflowMetrics(role_metrics.registry)
        metrics.starts_waiting.set_function(lambda: self._starts.waiting)
        metrics.activities_running.set_function(lambda: running.total)
        reconciler = Reconciler(sidecar, self.commands, running, Watchdog(), self._stopping, metrics)
        purger = WorkflowPurger(sidecar, self._engine, self._stopping)
        watch = WorkerWatch(sidecar, self._worker.is_ready.is_set)
        self._worker.start()
        self._threads = [
            run_periodically("worker-watch", WATCH_SECONDS, watch.run_once, self._stopping),
            run_periodically("reconciler", RECONCILE_SECONDS, reconciler.run_once, self._stopping),
            run_periodically("purger", purge_interval(settings.retention), purger.run_once, self._stopping),
        ]

    def stop(self) -> None:
        """Take no more work, and disconnect the worker. Return at once; it may be called again."""
        self._stopping.set()
        self._starts.stop()
        if self._stop_worker.ident is None:
            self._stop_worker.start()

    def close(self) -> None:
        """Wait for the present rounds, and close the connections. Call `stop` first."""
        end = time.monotonic() + _ROUND_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        self._stop_worker.join()
        self._engine.close()


def run_periodically(
    name: str, seconds: float, run_once: Callable[[], None], stopping: threading.Event
) -> threading.Thread:
    """Call `run_once` on a thread of its own every `seconds` until `stopping` is set, whatever the last round raised.

    The first round comes after `seconds`. Return the thread, which ends after its present round.
    """

    def run() -> None:
        while not stopping.wait(seconds):
            try:
                run_once()
            except Unavailable as error:
                log.debug("%s: this round could not be finished, the next one comes: %s", name, error)
            except Exception:
                # A defect in one round must not end all that follow.
                log.exception("%s: a defect ended this round, the next one comes", name)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread
