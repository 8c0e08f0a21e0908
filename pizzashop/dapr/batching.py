"""Batch calls that arrive together, or while one is in flight: many threads share one request to the sidecar."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from pizzashop import tracing
from pizzashop.errors import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Call `run_batch` for the items of many threads, with at most `max_items` at once and one call at a time.

    A thread that finds no call in flight waits `window_seconds` for others to join it. The items that arrive during a
    call form the next batch, which the thread of the first of them runs. `run_batch` returns one result for each item,
    in the same order; a result that is an exception is raised in the thread of its item. In a trace, a batch of several
    calls is a span called `name`, linked to the spans of the calls.
    """

    def __init__(
        self,
        run_batch: Callable[[list[Item]], Sequence[Result | Exception]],
        max_items: int = 100,
        window_seconds: float = 0.0,
        *,
        name: str = "batch",
    ) -> None:
        self._name = name
        self._run_batch, self._max_items, self._window_seconds = run_batch, max_items, window_seconds
        self._lock = threading.Lock()
        self._pending: list[_PendingCall[Item, Result]] = []
        self._in_flight = False

    def __call__(self, item: Item) -> Result:
        """Return the result for `item`, or raise its error."""
        call = _PendingCall[Item, Result](item)
        with self._lock:
            self._pending.append(call)
            must_wait, self._in_flight = self._in_flight, True
        if must_wait:
            call.wake_up.acquire()
        if not call.is_finished:
            self._wait_for_window(call)
            self._run_next_batch()
        return call.result()

    def _wait_for_window(self, first: "_PendingCall[Item, Result]") -> None:
        """Wait until the window of the batch is over. It opened when its first call arrived."""
        if self._window_seconds:
            time.sleep(max(0.0, first.arrived_at + self._window_seconds - time.monotonic()))

    def _run_next_batch(self) -> None:
        with self._lock:
            batch, self._pending = self._pending[: self._max_items], self._pending[self._max_items :]
        try:
            with tracing.batch_span(self._name, [call.traceparent for call in batch]):
                outcomes: Sequence[Result | BaseException] = self._run_batch([call.item for call in batch])
        except BaseException as error:  # noqa: BLE001 (every thread of the batch raises it)
            # Pending calls would fail as well: without this they would wait for a second time-out.
            batch += self._take_all_pending() if isinstance(error, Unavailable) else []
            outcomes = [error] * len(batch)
        for call, outcome in zip(batch, outcomes, strict=True):
            call.finish(outcome)
        with self._lock:
            next_leader = self._pending[0] if self._pending else None
            self._in_flight = next_leader is not None
        if next_leader is not None:
            next_leader.wake_up.release()

    def _take_all_pending(self) -> list["_PendingCall[Item, Result]"]:
        with self._lock:
            pending, self._pending = self._pending, []
        return pending


class _PendingCall(Generic[Item, Result]):
    """The call of one thread. The thread is woken when its call has finished, or when it has to run the next batch."""

    def __init__(self, item: Item) -> None:
        self.item, self.is_finished, self.arrived_at = item, False, time.monotonic()
        self.traceparent = tracing.current_traceparent()
        self.wake_up = threading.Lock()
        self.wake_up.acquire()

    def finish(self, outcome: Result | BaseException) -> None:
        """Set the outcome and wake the thread."""
        self._outcome, self.is_finished = outcome, True
        self.wake_up.release()

    def result(self) -> Result:
        """Return the outcome; raise it if it is an exception."""
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome
