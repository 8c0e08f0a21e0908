"""The sweep: finishes what a crash left half-done, between an order's record and the engine."""

import logging
import time
from typing import Any

from pizzashop.domain.errors import Refused, Unavailable
from pizzashop.domain.requests import Decision, OrderRef
from pizzashop.roles import ORDER
from pizzashop.sidecar import Sidecar
from pizzashop.workflow.beat import Beat
from pizzashop.workflow.office import Office

EVERY_SECONDS = 3.0
LONGEST_SECONDS = 120.0
"""Told again and again, the engine would keep every word of it: the pauses double up to this."""

log = logging.getLogger(__name__)


class Sweep(Beat):
    """Asks `order` every few seconds what is unsettled, and sees to it."""

    def __init__(self, sidecar: Sidecar, office: Office) -> None:
        self._sidecar, self._office = sidecar, office
        super().__init__("sweep", EVERY_SECONDS)
        self._next: dict[tuple[str, str], tuple[float, float]] = {}

    def once(self) -> None:
        """See to all that is unsettled just now."""
        rows: list[dict[str, Any]] = self._sidecar.invoke(ORDER, "GET", "/unsettled")["orders"]
        present = {(row["order_id"], row["need"]) for row in rows}
        self._next = {key: due for key, due in self._next.items() if key in present}
        for row in rows:
            if self.stopping.is_set():
                return
            if self._is_due((row["order_id"], row["need"])):
                self._settle(row)

    def _is_due(self, key: tuple[str, str]) -> bool:
        at, pause = self._next.get(key, (0.0, EVERY_SECONDS))
        if time.monotonic() < at:
            return False
        self._next[key] = time.monotonic() + pause, min(2 * pause, LONGEST_SECONDS)
        return True

    def _settle(self, row: dict[str, Any]) -> None:
        order_id, need = row["order_id"], row["need"]
        log.warning("told the engine again: %s", need, extra={"order": order_id, "attempt": row["attempt"]})
        try:
            if need == "start":
                self._office.start(order_id, row["order"])
            elif need == "cancel":
                self._office.cancel(OrderRef(order_id=order_id))
            elif need == "steer":
                self._office.steer_as_recorded(order_id)
            else:
                self._office.decide(Decision(order_id=order_id, attempt=row["attempt"], **row["decision"]))
        except Unavailable as error:
            log.warning("not settled yet: %s", error, extra={"order": order_id})
        except Refused as error:
            # It was settled, or decided otherwise, since it was listed.
            log.info("settled meanwhile: %s", error, extra={"order": order_id})
