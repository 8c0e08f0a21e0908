"""The sweep: finishes what a crash left half-done between an order's record and the engine.

It also recovers stuck orders: it wakes their workflows, and restarts those that stay stuck.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pizzashop.dapr.sidecar import Sidecar
from pizzashop.domain.reconciliation import STUCK_SECONDS
from pizzashop.domain.requests import Decision, OrderRef
from pizzashop.errors import Refused, Unavailable
from pizzashop.roles import ORDER
from pizzashop.workflow.capacity import Capacity
from pizzashop.workflow.commands import OrderCommands
from pizzashop.workflow.periodic import PeriodicTask

WAKE_SECONDS = 15.0
"""How long a woken workflow may take to make progress; after that it is restarted."""
MAX_RESTART_SECONDS = 600.0
"""The longest time between two restarts of one order: it doubles up to this."""


@dataclass
class _Watched:
    """One order: its last progress, when it counts as stuck (`until`), and the pause after its next restart."""

    progress: str
    until: float
    seconds: float
    is_woken: bool = False


class Watchdog:
    """Observes orders that the engine has to move on. One without progress for `seconds` is stuck."""

    def __init__(self, seconds: float = STUCK_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._orders: dict[str, _Watched] = {}

    def observe(self, progress: Mapping[str, str]) -> list[str]:
        """Note the present progress of each order, by id, and forget all others. Return the ids of the stuck ones."""
        now = self._clock()
        for order_id, present in progress.items():
            known = self._orders.get(order_id)
            if known is None or known.progress != present:
                self._orders[order_id] = _Watched(present, now + self._seconds, self._seconds)
        self._orders = {order_id: known for order_id, known in self._orders.items() if order_id in progress}
        return [order_id for order_id, known in self._orders.items() if now >= known.until]

    def reset(self) -> None:
        """Start anew: for a while it is unknown whether the orders made progress."""
        self._orders.clear()

    def is_woken(self, order_id: str) -> bool:
        """Whether the workflow of the order was woken, and the order has made no progress since."""
        return self._orders[order_id].is_woken

    def postpone(self, order_id: str) -> None:
        """Note that nothing could be done about the order: it counts as stuck again after a while."""
        known = self._orders[order_id]
        known.until = self._clock() + known.seconds

    def note_woken(self, order_id: str) -> None:
        """Note that the workflow of the order was woken."""
        known = self._orders[order_id]
        known.is_woken, known.until = True, self._clock() + min(WAKE_SECONDS, self._seconds)

    def note_restarted(self, order_id: str) -> None:
        """Note that the workflow of the order was restarted."""
        known = self._orders[order_id]
        known.is_woken, known.seconds = False, min(2 * known.seconds, MAX_RESTART_SECONDS)
        known.until = self._clock() + known.seconds


EVERY_SECONDS = 3.0
MAX_PAUSE_SECONDS = 120.0
"""The longest pause between two tries: pauses double up to it, because the engine stores every event it is sent."""

CANCEL_SECONDS = 30.0
"""How long the engine has to end the workflow of an order that is cancelled: then the order ends without it."""
ROUND_SECONDS = 5.0
"""How long one round may take for stuck orders: the others must not wait for them."""

log = logging.getLogger(__name__)


class _Tries:
    """The retries of one unsettled need of one order: since when it is unsettled, and when to try next."""

    def __init__(self) -> None:
        self.since = time.monotonic()
        self._next, self._pause = self.since, EVERY_SECONDS

    def are_due(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next, self._pause = now + self._pause, min(2 * self._pause, MAX_PAUSE_SECONDS)
        return True


class Reconciler(PeriodicTask):
    """Asks `order` every few seconds what is unsettled, and sees to it."""

    def __init__(
        self, sidecar: Sidecar, office: OrderCommands, in_hand: Capacity, watchdog: Watchdog | None = None
    ) -> None:
        self._sidecar, self._office, self._in_hand = sidecar, office, in_hand
        self._watchdog = watchdog or Watchdog()
        super().__init__("sweep", EVERY_SECONDS)
        self._tries: dict[tuple[str, str], _Tries] = {}

    def once(self) -> None:
        """Settle all that is unsettled just now, and recover the orders that are stuck."""
        try:
            found = self._sidecar.invoke(ORDER, "GET", "/unsettled")
        except Unavailable:
            self._watchdog.reset()
            raise
        rows: list[dict[str, Any]] = found["orders"]
        present = {(row["order_id"], row["need"]) for row in rows}
        self._tries = {key: tries for key, tries in self._tries.items() if key in present}
        for row in rows:
            if self.stopping.is_set():
                return
            tries = self._tries.setdefault((row["order_id"], row["need"]), _Tries())
            if tries.are_due():
                self._settle(row, tries)
        self._recover(found["progress"])

    def _recover(self, progress: dict[str, str]) -> None:
        end = time.monotonic() + ROUND_SECONDS
        for order_id in self._watchdog.observe(progress):
            if self.stopping.is_set() or time.monotonic() >= end:
                return
            if self._in_hand.is_under_way(order_id):
                self._watchdog.postpone(order_id)
                continue
            is_woken = self._watchdog.is_woken(order_id)
            try:
                recovery = self._office.recover(order_id, progress[order_id], is_woken=is_woken)
            except (Unavailable, Refused) as error:
                log.warning("stuck; recovery failed and is tried again later: %s", error, extra={"order": order_id})
                self._watchdog.postpone(order_id)
                continue
            if recovery is not None:
                log.warning("stuck: its workflow was %s", recovery, extra={"order": order_id})
            if recovery == "restarted":
                self._watchdog.note_restarted(order_id)
            else:
                self._watchdog.note_woken(order_id)

    def _settle(self, row: dict[str, Any], tries: "_Tries") -> None:
        order_id, need = row["order_id"], row["need"]
        log.warning(
            "unsettled, the engine is told again: %s", need, extra={"order": order_id, "attempt": row["attempt"]}
        )
        try:
            if need == "start":
                self._office.start(order_id, row["order"])
            elif need == "cancel":
                in_any_case = time.monotonic() - tries.since >= CANCEL_SECONDS
                self._office.cancel(OrderRef(order_id=order_id), in_any_case=in_any_case)
            elif need == "steer":
                self._office.steer_as_recorded(order_id)
            else:
                self._office.decide(Decision(order_id=order_id, attempt=row["attempt"], **row["decision"]))
        except Unavailable as error:
            log.warning("not settled yet: %s", error, extra={"order": order_id})
        except Refused as error:
            # It was settled, or decided otherwise, since it was listed.
            log.info("settled meanwhile: %s", error, extra={"order": order_id})
