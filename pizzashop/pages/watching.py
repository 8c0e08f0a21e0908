"""What the pages of this process watch: asked of role `order` a few times a second, in one request for all of them.

Nothing is asked while nobody watches. Whoever waits here is given the latest state alone: one that is slow misses what
was between, and holds up nobody.
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

from pizzashop.dapr.sidecar import Sidecar
from pizzashop.domain.history import utc_timestamp
from pizzashop.domain.record import Record
from pizzashop.errors import NotFound, Refused, Unavailable
from pizzashop.presentation.boards import Board, Changes
from pizzashop.roles import ORDER

_VERSION = re.compile(r"[0-9]{1,9}")


class PageState(NamedTuple):
    """How an order or the board stands (None: not known yet), and its mark, which changes with it."""

    state: Record | Board | None = None
    mark: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing of it changes any more."""
        return isinstance(self.state, Record) and self.state.final

    def is_news(self, known: str) -> bool:
        """Whether it is not what a page shows, whose mark is `known`: a page may be ahead of what is known here."""
        if isinstance(self.state, Record) and _VERSION.fullmatch(known):
            return self.state.version > int(known)
        return self.state is not None and self.mark != known


UNKNOWN = PageState()


def version(state: Record | Board | None) -> int:
    """The version of an order; 0 where none is known."""
    return state.version if isinstance(state, Record) else 0


def versions(state: Record | Board | None) -> dict[str, int]:
    """Which orders a board shows, in which version."""
    return state.versions if isinstance(state, Board) else {}


def is_old(state: Record | Board | None) -> bool:
    """Whether the board is to be told in any case: it was not yet, or not all of it, or something became late since."""
    if not isinstance(state, Board) or not state.complete:
        return True
    moment = utc_timestamp()
    return any(row.late_at and state.at < row.late_at <= moment for row in state.orders)


BOARD = "the board"
"""What the boards watch, in the place of an order's id."""
KEPT_SECONDS = 30.0
"""How long it is asked for what a page has asked for once: the next time it is answered from memory."""


@dataclass
class Subject:
    """An order, or the board, and who watches it."""

    changed: threading.Condition
    shown: PageState = UNKNOWN
    gone: bool = False
    users: int = 0
    until: float = 0.0

    def tells(self, known: str) -> bool:
        """Whether it is another state than the one with the mark `known`, or none will follow."""
        return self.shown.is_over or self.shown.is_news(known)

    def keep(self) -> None:
        """Somebody has asked for it just now."""
        self.until = time.monotonic() + KEPT_SECONDS


class Subjects(dict[str, Subject]):
    """All of them, by the order's id, or `BOARD`."""

    def forget(self) -> None:
        """Leave out what nobody watches that is gone, or that nobody has asked for lately."""
        moment = time.monotonic()
        for what in [w for w, thing in self.items() if not thing.users and (thing.gone or thing.until <= moment)]:
            del self[what]

    def question(self) -> dict[str, Any]:
        """What role `order` is asked: the states that are known, of which it tells those that have changed."""
        orders = {what: version(thing.shown.state) for what, thing in self.items() if what != BOARD}
        board = self.get(BOARD)
        if board is None:
            return {"orders": orders}
        return {"orders": orders, "board": versions(board.shown.state), "anew": is_old(board.shown.state)}


EVERY_SECONDS = 0.2
REST = 3.0
"""The pause is at least so many times as long as the request took: a busy shop is asked less often."""

log = logging.getLogger(__name__)


class LiveStates:
    """For any number of threads; `most` is how many may be kept up to date at a time."""

    def __init__(self, sidecar: Sidecar, most: int) -> None:
        self._sidecar, self._most = sidecar, most
        self._lock = threading.Lock()
        self._things = Subjects()
        self._streams = 0
        self._asking: threading.Thread | None = None
        self._stopped = threading.Event()
        self.away = False

    @property
    def stopped(self) -> bool:
        """Whether this process is about to stop."""
        return self._stopped.is_set()

    @property
    def asking(self) -> int:
        """How many orders and boards are asked for."""
        return len(self._things)

    def enter(self) -> bool:
        """Take a place among those that are kept up to date, if there is one."""
        with self._lock:
            free = self._streams < self._most and not self.stopped
            self._streams += free
            return free

    def leave(self) -> None:
        """Give it back."""
        with self._lock:
            self._streams -= 1

    def stop(self) -> None:
        """Let go whoever waits."""
        self._stopped.set()
        with self._lock:
            for thing in self._things.values():
                thing.changed.notify_all()

    def next(self, what: str, known: str, seconds: float, *, away: bool = False) -> PageState:
        """Wait until it differs from the mark `known`, or the shop goes `away` or is back, for so many seconds at most.

        Raises NotFound where there is no such order (any more).
        """
        with self._lock, self._used(what) as thing:
            thing.changed.wait_for(
                lambda: self.stopped or self.away != away or thing.gone or thing.tells(known), seconds
            )
            if thing.gone:
                raise NotFound("Order not found")
            return thing.shown

    @contextmanager
    def _used(self, what: str) -> Iterator[Subject]:
        thing = self._things.setdefault(what, Subject(threading.Condition(self._lock)))
        thing.users += 1
        if self._asking is None and not self.stopped:
            self._asking = threading.Thread(target=self._ask_on, name="watching", daemon=True)
            self._asking.start()
        try:
            yield thing
        finally:
            thing.users -= 1
            thing.keep()

    def _ask_on(self) -> None:
        try:
            while (asked := self._to_ask()) is not None:
                began = time.monotonic()
                self._ask(asked)
                self._stopped.wait(max(EVERY_SECONDS, REST * (time.monotonic() - began)))
        except BaseException:
            # The next one who waits begins anew.
            self._asking = None
            raise

    def _to_ask(self) -> dict[str, Any] | None:
        """What is asked next; None where nobody watches any more."""
        with self._lock:
            self._things.forget()
            if self.stopped or not self._things:
                self._asking = None
                return None
            return self._things.question()

    def _ask(self, asked: dict[str, Any]) -> None:
        try:
            changes = Changes.model_validate(self._sidecar.invoke(ORDER, "POST", "/changes", asked))
        except (Unavailable, Refused, ValidationError) as error:
            # The last: a role of another version answers.
            self._is_away(error)
            return
        with self._lock:
            for told in changes.orders:
                record = told.record()
                self._set(record.order["order_id"], PageState(record, str(record.version)))
            for order_id in changes.gone:
                self._set(order_id, UNKNOWN, gone=True)
            if changes.board is not None:
                self._set(BOARD, PageState(changes.board, changes.board.mark))
            self._away_is(False)

    def _is_away(self, error: Exception) -> None:
        with self._lock:
            if not self.away:
                log.warning("what pages watch cannot be asked for: %s", error)
            self._away_is(True)

    def _away_is(self, away: bool) -> None:
        if self.away != away:
            self.away = away
            for thing in self._things.values():
                thing.changed.notify_all()

    def _set(self, what: str, shown: PageState, *, gone: bool = False) -> None:
        thing = self._things.get(what)
        if thing is not None:
            thing.shown, thing.gone = shown, gone
            thing.changed.notify_all()
