"""Housekeeping: what the engine keeps of an order goes when the order has ended for long enough."""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from pizzashop.domain.errors import Conflict, NotFound, Unavailable
from pizzashop.roles import ORDER
from pizzashop.sidecar import Sidecar
from pizzashop.workflow.beat import Beat
from pizzashop.workflow.engine import Engine
from pizzashop.workflow.summary import summary

SHARE = 20
"""So often in one retention a round is made."""
AT_ONCE = 8
"""Workflows purged at a time: one by one, a busy engine would let them end faster than they go."""
SHORTEST_SECONDS, LONGEST_SECONDS = 0.5, 3600.0

Ended = dict[str, Any]

log = logging.getLogger(__name__)


class Housekeeping(Beat):
    """Goes through the orders that have ended, page by page as `order` keeps them. Each step may be done twice."""

    def __init__(self, sidecar: Sidecar, engine: Engine, retention: float) -> None:
        self._sidecar, self._engine = sidecar, engine
        seconds = min(max(retention / SHARE, SHORTEST_SECONDS), LONGEST_SECONDS)
        super().__init__("housekeeping", seconds)

    def once(self) -> None:
        """Make one round: purge what is due, and have `order` remove what has been kept long enough."""
        after: int | None = -1
        while after is not None and not self.stopping.is_set():
            found = self._sidecar.invoke(ORDER, "POST", "/expired", {"after": after})
            with ThreadPoolExecutor(AT_ONCE) as pool:
                gone = list(pool.map(lambda each: self._purge(each["order_id"], each["uid"]), found["orders"]))
            purged = [each for each, is_gone in zip(found["orders"], gone, strict=True) if is_gone]
            if purged:
                self._sidecar.invoke(ORDER, "POST", "/purged", {"orders": purged})
                log.info("purged %d finished workflows", len(purged))
            after = found["next"]

    def _purge(self, order_id: str, uid: str) -> bool:
        if self.stopping.is_set():
            return False
        try:
            self._sidecar.delete(f"validation_{order_id}")
            return self._forgotten(order_id, uid)
        except Unavailable as error:
            # One that the engine is stuck on must not keep the others.
            log.warning("not purged yet: %s", error, extra={"order": order_id})
            return False

    def _forgotten(self, order_id: str, uid: str) -> bool:
        try:
            self._engine.purge(order_id)
        except Conflict:
            if self._is_of(order_id, uid):
                # Its record is final, so nothing may happen any more: what still runs is ended, and purged next time.
                log.warning("ended a workflow that outlived its order", extra={"order": order_id})
                self._engine.terminate(order_id)
            return False
        return True

    def _is_of(self, order_id: str, uid: str) -> bool:
        """Whether the id is still this order's: it may have been deleted, and its id taken by another, meanwhile."""
        with suppress(NotFound):
            return bool(summary(self._sidecar, order_id)["uid"] == uid)
        return True
