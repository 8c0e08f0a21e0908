"""The purger: it purges the workflows of orders that ended long ago."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from pizzashop.dapr.sidecar import Sidecar
from pizzashop.errors import Conflict, NotFound, Unavailable
from pizzashop.roles import ORDER
from pizzashop.workflow.commands import read_summary
from pizzashop.workflow.engine import DaprEngine

_ROUNDS_PER_RETENTION = 20
_MIN_SECONDS, _MAX_SECONDS = 0.5, 3600.0
# How many workflows are purged at a time: one by one, a busy engine would end orders faster than they are purged.
_PURGE_THREADS = 8

log = logging.getLogger(__name__)


def purge_interval(retention_seconds: float) -> float:
    """Return how many seconds to wait between two rounds."""
    return min(max(retention_seconds / _ROUNDS_PER_RETENTION, _MIN_SECONDS), _MAX_SECONDS)


class WorkflowPurger:
    """Goes through the ended orders, page by page of the index of role `order`. Every action may be repeated."""

    def __init__(self, sidecar: Sidecar, engine: DaprEngine, stopping: threading.Event) -> None:
        self._sidecar, self._engine, self._stopping = sidecar, engine, stopping

    def run_once(self) -> None:
        """Purge the workflows that are due, and have role `order` delete its part; return early once stopping."""
        page: int | None = -1
        while page is not None and not self._stopping.is_set():
            due = self._sidecar.invoke(ORDER, "POST", "/expired", {"after": page})
            orders: list[dict[str, Any]] = due["orders"]
            with ThreadPoolExecutor(_PURGE_THREADS) as pool:
                results = list(pool.map(lambda order: self._purge(order["order_id"], order["uid"]), orders))
            purged = [order for order, is_purged in zip(orders, results, strict=True) if is_purged]
            if purged:
                self._sidecar.invoke(ORDER, "POST", "/purged", {"orders": purged})
                log.info("purged the workflows of %d ended orders", len(purged))
            page = due["next"]

    def _purge(self, order_id: str, uid: str) -> bool:
        """Purge one workflow. Return whether the engine has it no more; a fault must not keep the others."""
        if self._stopping.is_set():
            return False
        try:
            self._sidecar.delete(f"validation_{order_id}")
            self._engine.purge(order_id)
        except Conflict:
            self._terminate_leftover(order_id, uid)
            return False
        except Unavailable as error:
            log.warning(
                "could not purge its workflow, the next round tries again: %s", error, extra={"order": order_id}
            )
            return False
        return True

    def _terminate_leftover(self, order_id: str, uid: str) -> None:
        """Terminate a workflow that still runs though its order has ended, unless another order has the id by now."""
        with suppress(NotFound):
            if read_summary(self._sidecar, order_id)["uid"] != uid:
                return
        log.warning("terminated a workflow that outlived its order", extra={"order": order_id})
        self._engine.terminate(order_id)
