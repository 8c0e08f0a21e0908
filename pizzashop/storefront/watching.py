"""What the pages of this process watch: asked of role `order` a few times a second, in one request for all of them.

Nothing is asked while nobody watches. Whoever waits here is given the latest state alone: one that is slow misses what
was between, and holds up nobody.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError

from pizzashop.domain.changes import Changes
from pizzashop.domain.errors import NotFound, Refused, Unavailable
from pizzashop.roles import ORDER
from pizzashop.sidecar import Sidecar
from pizzashop.storefront.shown import NOTHING, Shown
from pizzashop.storefront.watched import BOARD, Thing, Things

EVERY_SECONDS = 0.2
REST = 3.0
"""The pause is at least so many times as long as the request took: a busy shop is asked less often."""

log = logging.getLogger(__name__)


class Watch:
    """For any number of threads; `most` is how many may be kept up to date at a time."""

    def __init__(self, sidecar: Sidecar, most: int) -> None:
        self._sidecar, self._most = sidecar, most
        self._lock = threading.Lock()
        self._things = Things()
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

    def next(self, what: str, known: str, seconds: float, *, away: bool = False) -> Shown:
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
    def _used(self, what: str) -> Iterator[Thing]:
        thing = self._things.setdefault(what, Thing(threading.Condition(self._lock)))
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
                self._set(record.order["order_id"], Shown(record, str(record.version)))
            for order_id in changes.gone:
                self._set(order_id, NOTHING, gone=True)
            if changes.board is not None:
                self._set(BOARD, Shown(changes.board, changes.board.mark))
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

    def _set(self, what: str, shown: Shown, *, gone: bool = False) -> None:
        thing = self._things.get(what)
        if thing is not None:
            thing.shown, thing.gone = shown, gone
            thing.changed.notify_all()
