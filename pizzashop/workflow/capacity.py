"""What this process has in hand: the orders whose workflow it has to start, and those whose activity it runs.

To accept an order is cheap: its record is written. To start its workflow costs more, and to process it much more. So an
order is accepted at once, and may then wait here until its workflow is started. A crash loses this queue and no order:
the reconciler starts every accepted order whose workflow has not started.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, wait
from contextlib import contextmanager

from pizzashop import tracing
from pizzashop.errors import ShopError, Unavailable

# How many workflows are started at the same time: the executor of a `StartQueue` has so many threads.
MAX_STARTS = 8
# How many orders are accepted at the same time: they share the writes to the store.
_MAX_ACCEPTS = 32
# How long a request waits to be accepted.
_ACCEPT_WAIT_SECONDS = 4.0
# How long the answer to an accepted order waits for the start of its workflow, to report an error of the engine.
_ANSWER_WAIT_SECONDS = 1.0

Action = Callable[[], None]

log = logging.getLogger(__name__)


class StartQueue:
    """Starts the workflows of accepted orders, a few at a time, in the order in which they were accepted.

    `max_waiting` limits the orders that wait to be accepted or started.
    """

    def __init__(self, executor: Executor, max_waiting: int, answer_wait_seconds: float = _ANSWER_WAIT_SECONDS) -> None:
        self._executor, self._max_waiting = executor, max_waiting
        self._answer_wait_seconds = answer_wait_seconds
        self._accepts = threading.Semaphore(_MAX_ACCEPTS)
        # An executor may run what it is given at once, in the same thread.
        self._lock = threading.RLock()
        self._is_stopping = False
        # How many orders are being accepted, or wait for that.
        self._accepting = 0
        # Set while no order waits to be accepted: that comes before a start, because a client waits for it.
        self._nobody_waits = threading.Event()
        self._nobody_waits.set()
        # The accepted orders by id, the first one first.
        self._queued: dict[str, _QueuedStart] = {}

    @contextmanager
    def accept(self) -> Iterator[None]:
        """Accept an order in the block. Raise Unavailable if there is no room for it, or none in time."""
        with self._lock:
            if self.waiting >= self._max_waiting:
                raise _too_many_orders()
            self._count_accepting(1)
        try:
            if not self._accepts.acquire(timeout=_ACCEPT_WAIT_SECONDS):
                raise _too_many_orders()
            try:
                yield
            finally:
                self._accepts.release()
        finally:
            self._count_accepting(-1)

    def start(self, order_id: str, action: Action) -> None:
        """Have `action` start the workflow of an accepted order when it is its turn.

        If that is now, return after it, and raise its error; otherwise return at once. Raise Unavailable when the
        process is stopping.
        """
        started, is_its_turn = self._put(order_id, action)
        if is_its_turn and started in wait([started], self._answer_wait_seconds).done:
            try:
                started.result()
            except CancelledError:
                raise _stopping() from None

    def call_after_start(self, order_id: str, action: Action) -> bool:
        """Call `action` once the order's workflow has started. Return False, and do nothing, if it is not queued."""
        with self._lock:
            if order_id not in self._queued:
                return False
            self._queued[order_id].actions.append(tracing.bind(action))
            return True

    def stop(self) -> None:
        """Start no further workflow, and return at once. The reconciler of another process starts the queued ones."""
        with self._lock:
            self._is_stopping = True
            self._nobody_waits.set()
        self._executor.shutdown(wait=False, cancel_futures=True)

    @property
    def waiting(self) -> int:
        """How many orders wait to be accepted or started."""
        return self._accepting + len(self._queued)

    def __contains__(self, order_id: str) -> bool:
        return order_id in self._queued

    def _count_accepting(self, change: int) -> None:
        with self._lock:
            self._accepting += change
            if self._accepting > _MAX_ACCEPTS:
                self._nobody_waits.clear()
            else:
                self._nobody_waits.set()

    def _put(self, order_id: str, action: Action) -> "tuple[Future[None], bool]":
        """Queue the order unless it is queued. Return its future, and whether its start begins at once."""
        with self._lock:
            if self._is_stopping:
                raise _stopping()
            is_its_turn = len(self._queued) < MAX_STARTS
            queued = self._queued.get(order_id)
            if queued is None:
                queued = self._queued[order_id] = _QueuedStart()
                queued.started = self._executor.submit(tracing.bind(self._run), order_id, action)
            return queued.started, is_its_turn

    def _run(self, order_id: str, action: Action) -> None:
        self._nobody_waits.wait(_ACCEPT_WAIT_SECONDS)
        extra = {"order": order_id}
        try:
            if self._is_stopping:
                raise _stopping()
            action()
        except ShopError as error:
            log.warning("not started, the reconciler tries again: %s", error, extra=extra)
            raise
        except Exception:
            log.exception("not started because of a defect, the reconciler tries again", extra=extra)
            raise
        finally:
            with self._lock:
                actions = self._queued.pop(order_id).actions
        for each in actions:
            try:
                each()
            except ShopError as error:
                log.warning("the reconciler repeats a command on the order: %s", error, extra=extra)


class _QueuedStart:
    """An order that waits for the start of its workflow, and the actions that follow."""

    started: "Future[None]"

    def __init__(self) -> None:
        self.actions: list[Action] = []


class RunningActivities:
    """Counts the activities that run in this process, by order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count: Counter[str] = Counter()

    @contextmanager
    def run(self, order_id: str) -> Iterator[None]:
        """Count an activity of the order while the block runs."""
        with self._lock:
            self._count[order_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._count[order_id] -= 1
                if not self._count[order_id]:
                    del self._count[order_id]

    def __contains__(self, order_id: str) -> bool:
        return order_id in self._count

    @property
    def total(self) -> int:
        """How many activities run now."""
        with self._lock:
            return self._count.total()


def _too_many_orders() -> Unavailable:
    return Unavailable("Too many new orders at once: ask again in a moment")


def _stopping() -> Unavailable:
    return Unavailable("This process is stopping: the order is accepted, and another process starts it")
