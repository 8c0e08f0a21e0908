"""Executors without threads: one runs a call at once, the other when a test says so."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from pizzashop.errors import ShopError


class InlineExecutor(Executor):
    """Runs what it is given at once, in the thread that gives it."""

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **more: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(call(*arguments, **more))
        except ShopError as error:
            future.set_exception(error)
        return future


class LaterExecutor(Executor):
    """Runs what it was given when a test says so, the first call first."""

    def __init__(self) -> None:
        self.calls: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **more: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        self.calls.append((future, lambda: call(*arguments, **more)))
        return future

    def run(self, count: int) -> None:
        """Run the next calls."""
        for _ in range(count):
            future, call = self.calls.popleft()
            try:
                future.set_result(call())
            except ShopError as error:
                future.set_exception(error)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        for future, _ in self.calls:
            future.cancel()
