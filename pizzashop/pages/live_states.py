"""The latest states of the orders and boards that the pages of this process show.

One thread asks role `order` for all changes in one request, a few times a second. Without readers it stops.
A waiting reader gets the latest state only: a slow reader misses the states in between, and delays nobody.
"""

import logging
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import ValidationError

from pizzashop.domain.history import utc_timestamp
from pizzashop.domain.record import OrderSnapshot
from pizzashop.errors import NotFound, Refused, Unavailable
from pizzashop.pages.backend import Backend
from pizzashop.presentation.boards import Board

# The key of the board, where an order has its id.
BOARD = "the board"

POLL_SECONDS = 0.2
# The pause between two requests lasts this many times as long as a request. So a busy shop is asked less often.
PAUSE_FACTOR = 3.0
# How long a state is kept up to date after its last reader. The next reader is then answered from memory.
KEEP_SECONDS = 30.0

_VERSION = re.compile(r"[0-9]{1,9}")

log = logging.getLogger(__name__)


class PageState(NamedTuple):
    """The state of an order or the board, None while it is unknown, and its ETag: a version, or a digest."""

    state: OrderSnapshot | Board | None = None
    etag: str = ""

    @property
    def is_final(self) -> bool:
        """Whether the state changes no more."""
        return isinstance(self.state, OrderSnapshot) and self.state.is_final

    def is_newer_than(self, etag: str) -> bool:
        """Return whether a page that shows `etag` is out of date. Such a page may be ahead of this process."""
        if isinstance(self.state, OrderSnapshot) and _VERSION.fullmatch(etag):
            return self.state.version > int(etag)
        return self.state is not None and self.etag != etag


_UNKNOWN = PageState()


@dataclass
class _Watched:
    """An order or the board, and its readers."""

    changed: threading.Condition
    page: PageState = _UNKNOWN
    is_missing: bool = False
    readers: int = 0
    keep_until: float = 0.0


class LiveStates:
    """Keeps states up to date for any number of threads, and for at most `max_streams` streams at a time.

    Once `stopping` is set, it stops polling and wakes every reader.
    """

    def __init__(self, backend: Backend, max_streams: int, stopping: threading.Event) -> None:
        self._backend, self._max_streams = backend, max_streams
        self._lock = threading.Lock()
        self._watched: dict[str, _Watched] = {}
        self._streams = 0
        self._poller: threading.Thread | None = None
        self._stopping = stopping
        self.is_unreachable = False

    @property
    def is_stopping(self) -> bool:
        """Whether this process is about to stop."""
        return self._stopping.is_set()

    @property
    def watched_count(self) -> int:
        """How many orders and boards are kept up to date."""
        return len(self._watched)

    def reserve_stream(self) -> bool:
        """Reserve one of the streams; return whether one was free."""
        with self._lock:
            is_free = self._streams < self._max_streams and not self.is_stopping
            self._streams += is_free
            return is_free

    def release_stream(self) -> None:
        """Release a stream that was reserved."""
        with self._lock:
            self._streams -= 1

    def wait_for_change(self, key: str, etag: str, seconds: float, *, is_unreachable: bool = False) -> PageState:
        """Wait for a state newer than `etag`, or for role `order` to become unreachable or reachable again.

        Return the latest state, also after `seconds` without a change. `is_unreachable` is what the reader knows of the
        role. Raise NotFound when no such order exists.
        """
        with self._lock, self._reading(key) as watched:
            watched.changed.wait_for(
                lambda: (
                    self.is_stopping
                    or self.is_unreachable != is_unreachable
                    or watched.is_missing
                    or watched.page.is_final
                    or watched.page.is_newer_than(etag)
                ),
                seconds,
            )
            if watched.is_missing:
                raise NotFound("Order not found")
            return watched.page

    @contextmanager
    def _reading(self, key: str) -> Iterator[_Watched]:
        watched = self._watched.setdefault(key, _Watched(threading.Condition(self._lock)))
        watched.readers += 1
        if self._poller is None and not self.is_stopping:
            self._poller = threading.Thread(target=self._poll, name="live states", daemon=True)
            self._poller.start()
        try:
            yield watched
        finally:
            watched.readers -= 1
            watched.keep_until = time.monotonic() + KEEP_SECONDS

    def _poll(self) -> None:
        try:
            while (query := self._next_query()) is not None:
                began = time.monotonic()
                self._load(query)
                self._stopping.wait(max(POLL_SECONDS, PAUSE_FACTOR * (time.monotonic() - began)))
        except BaseException:
            # The next reader starts another poller.
            self._poller = None
            raise

    def _next_query(self) -> dict[str, Any] | None:
        """Return the known version of everything that is watched; None, and end the poller, when nothing is."""
        with self._lock:
            self._forget_unread()
            if self.is_stopping or not self._watched:
                self._poller = None
                self._wake_all()
                return None
            query: dict[str, Any] = {"orders": {}}
            for key, watched in self._watched.items():
                state = watched.page.state
                if key == BOARD:
                    versions = state.versions if isinstance(state, Board) else {}
                    query |= {"board": versions, "include_board": not isinstance(state, Board) or _is_outdated(state)}
                else:
                    query["orders"][key] = state.version if isinstance(state, OrderSnapshot) else 0
            return query

    def _forget_unread(self) -> None:
        now = time.monotonic()
        for key, watched in list(self._watched.items()):
            if not watched.readers and (watched.is_missing or watched.keep_until <= now):
                del self._watched[key]

    def _load(self, query: dict[str, Any]) -> None:
        try:
            changes = self._backend.load_changes(query)
        except (Unavailable, Refused, ValidationError) as error:
            # A role of another version can cause a ValidationError.
            if not self.is_unreachable:
                log.warning("role order cannot be asked for changes, its pages wait for it: %s", error)
            with self._lock:
                self._set_unreachable(True)
            return
        with self._lock:
            for record in changes.orders:
                self._set(record.order["order_id"], PageState(record, str(record.version)))
            for order_id in changes.gone:
                self._set(order_id, _UNKNOWN, is_missing=True)
            if changes.board is not None:
                self._set(BOARD, PageState(changes.board, changes.board.etag))
            self._set_unreachable(False)

    def _set(self, key: str, page: PageState, *, is_missing: bool = False) -> None:
        watched = self._watched.get(key)
        if watched is not None:
            watched.page, watched.is_missing = page, is_missing
            watched.changed.notify_all()

    def _set_unreachable(self, is_unreachable: bool) -> None:
        if self.is_unreachable != is_unreachable:
            self.is_unreachable = is_unreachable
            self._wake_all()

    def _wake_all(self) -> None:
        for watched in self._watched.values():
            watched.changed.notify_all()


def _is_outdated(board: Board) -> bool:
    """Return whether the board changes although its orders do not: one became late, or more are to be read."""
    now = utc_timestamp()
    return not board.complete or any(row.late_at and board.at < row.late_at <= now for row in board.orders)
