"""What role `workflow` has at work beside its routes: the worker, the sweep, the housekeeping."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from pizzashop.dapr.sidecar import Sidecar
from pizzashop.errors import Conflict, NotFound, Unavailable
from pizzashop.roles import ORDER
from pizzashop.settings import Settings
from pizzashop.workflow.activities import Activities, ContentCache
from pizzashop.workflow.capacity import Capacity
from pizzashop.workflow.commands import OrderCommands, load_summary
from pizzashop.workflow.engine import DaprEngine, Engine
from pizzashop.workflow.periodic import PeriodicTask
from pizzashop.workflow.reconciler import Reconciler
from pizzashop.workflow.worker import Worker

SHARE = 20
"""So often in one retention a round is made."""
AT_ONCE = 8
"""Workflows purged at a time: one by one, a busy engine would let them end faster than they go."""
SHORTEST_SECONDS, LONGEST_SECONDS = 0.5, 3600.0

Ended = dict[str, Any]

log = logging.getLogger(__name__)


class Housekeeping(PeriodicTask):
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
            return bool(load_summary(self._sidecar, order_id)["uid"] == uid)
        return True


ROUND_SECONDS = 3.0
"""How long what the beats are at is waited for: nothing is to run on a client that is closed."""


class Background:
    """Started as it is made; `stop` takes no more work, `close` gives all back."""

    def __init__(self, sidecar: Sidecar, grpc_port: int, settings: Settings) -> None:
        self.engine, self.in_hand = DaprEngine(grpc_port), Capacity(settings.threads)
        self.contents = ContentCache(sidecar)
        self._worker = Worker(grpc_port, Activities(sidecar, settings.pace, self.contents), self.in_hand)
        self._sweep = Reconciler(sidecar, OrderCommands(sidecar, self.engine, settings), self.in_hand)
        self._housekeeping = Housekeeping(sidecar, self.engine, settings.retention)
        self._stopping = threading.Thread(target=self._worker.stop, name="stopping")
        for each in (self._worker, self._sweep, self._housekeeping):
            each.start()

    def stop(self) -> None:
        """Take no more work; the worker disconnects. Returns at once, and may be said again."""
        self._sweep.stop()
        self._housekeeping.stop()
        if self._stopping.ident is None:
            self._stopping.start()

    def close(self) -> None:
        """Give everything back, after `stop`."""
        until = time.monotonic() + ROUND_SECONDS
        for each in (self._sweep, self._housekeeping):
            each.join(max(0.0, until - time.monotonic()))
        self._stopping.join()
        self.engine.close()
