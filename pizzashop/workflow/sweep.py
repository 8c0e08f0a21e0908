"""The sweep: finishes what a crash left half-done between an order's record and the engine.

It also recovers stuck orders: it wakes their workflows, and restarts those that stay stuck.
"""

import logging
import time
from typing import Any

from pizzashop.domain.errors import Refused, Unavailable
from pizzashop.domain.requests import Decision, OrderRef
from pizzashop.roles import ORDER
from pizzashop.sidecar import Sidecar
from pizzashop.workflow.beat import Beat
from pizzashop.workflow.in_hand import InHand
from pizzashop.workflow.office import Office
from pizzashop.workflow.watchdog import Watchdog

EVERY_SECONDS = 3.0
LONGEST_SECONDS = 120.0
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
        self._next, self._pause = now + self._pause, min(2 * self._pause, LONGEST_SECONDS)
        return True


class Sweep(Beat):
    """Asks `order` every few seconds what is unsettled, and sees to it."""

    def __init__(self, sidecar: Sidecar, office: Office, in_hand: InHand, watchdog: Watchdog | None = None) -> None:
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
