"""The reconciler: it repeats commands that a crash kept from the engine, and recovers stuck orders."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pizzashop import tracing
from pizzashop.dapr.sidecar import Sidecar
from pizzashop.domain.reconciliation import STUCK_SECONDS
from pizzashop.domain.requests import DecisionRequest, OrderCommand
from pizzashop.errors import Refused, Unavailable
from pizzashop.metrics import WorkflowMetrics
from pizzashop.roles import ORDER
from pizzashop.workflow.capacity import RunningActivities
from pizzashop.workflow.commands import OrderCommands

# The pause between two rounds.
RECONCILE_SECONDS = 3.0
# The longest pause between two tries for one order: pauses double, because the engine stores every event that it gets.
_MAX_PAUSE_SECONDS = 120.0
# How long the engine has to terminate the workflow of a cancelled order; then the order ends without it.
CANCEL_SECONDS = 30.0
# How long one round may recover stuck orders: the other orders must not wait for them.
_RECOVERY_SECONDS = 5.0
# How long a woken workflow may take to make progress, before it is restarted.
WAKE_SECONDS = 15.0
# The longest time between two restarts of one order: it doubles up to this.
MAX_RESTART_SECONDS = 600.0

log = logging.getLogger(__name__)


@dataclass
class _Observed:
    """One order: its last progress, when it counts as stuck, and the pause after its next restart."""

    progress: str
    stuck_at: float
    pause: float
    was_woken: bool = False


class Watchdog:
    """Observes the orders that await the engine. One without progress for `seconds` is stuck.

    Only the clock of this process counts: no two clocks are compared.
    """

    def __init__(self, seconds: float = STUCK_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._orders: dict[str, _Observed] = {}

    def observe(self, progress: Mapping[str, str]) -> list[str]:
        """Note the present progress of each order, by id, and forget all others. Return the ids of the stuck ones."""
        now = self._clock()
        for order_id, present in progress.items():
            known = self._orders.get(order_id)
            if known is None or known.progress != present:
                self._orders[order_id] = _Observed(present, now + self._seconds, self._seconds)
        self._orders = {order_id: known for order_id, known in self._orders.items() if order_id in progress}
        return [order_id for order_id, known in self._orders.items() if now >= known.stuck_at]

    def reset(self) -> None:
        """Forget all orders, after a time in which their progress could not be observed."""
        self._orders.clear()

    def was_woken(self, order_id: str) -> bool:
        """Return whether the order's workflow was woken, and the order has made no progress since."""
        return self._orders[order_id].was_woken

    def postpone(self, order_id: str) -> None:
        """Note that nothing could be done for the order: it is stuck again after a while."""
        known = self._orders[order_id]
        known.stuck_at = self._clock() + known.pause

    def note_woken(self, order_id: str) -> None:
        """Note that the order's workflow was woken."""
        known = self._orders[order_id]
        known.was_woken, known.stuck_at = True, self._clock() + min(WAKE_SECONDS, self._seconds)

    def note_restarted(self, order_id: str) -> None:
        """Note that the order's workflow was restarted."""
        known = self._orders[order_id]
        known.was_woken, known.pause = False, min(2 * known.pause, MAX_RESTART_SECONDS)
        known.stuck_at = self._clock() + known.pause


@dataclass
class _Retries:
    """The tries to repeat one command on one order."""

    first_at: float
    next_at: float = 0.0
    pause: float = RECONCILE_SECONDS

    def is_due(self) -> bool:
        """Return whether it is time for the next try, and count that try."""
        now = time.monotonic()
        if now < self.next_at:
            return False
        self.next_at, self.pause = now + self.pause, min(2 * self.pause, _MAX_PAUSE_SECONDS)
        return True


class Reconciler:
    """Asks role `order` in each round for unsettled and stuck orders, and repeats the commands for them."""

    def __init__(
        self,
        sidecar: Sidecar,
        commands: OrderCommands,
        running: RunningActivities,
        watchdog: Watchdog,
        stopping: threading.Event,
        metrics: WorkflowMetrics | None = None,
    ) -> None:
        self._sidecar, self._commands, self._running, self._watchdog = sidecar, commands, running, watchdog
        self._stopping, self._metrics = stopping, metrics or WorkflowMetrics()
        self._retries: dict[tuple[str, str], _Retries] = {}

    def run_once(self) -> None:
        """Repeat every command whose next try is due, and recover the stuck orders; return early once stopping."""
        try:
            found = self._sidecar.invoke(ORDER, "GET", "/unsettled")
        except Unavailable:
            self._watchdog.reset()
            raise
        orders = {(order["order_id"], order["need"]): order for order in found["orders"]}
        self._retries = {key: self._retries.get(key) or _Retries(time.monotonic()) for key in orders}
        for key, retries in self._retries.items():
            if self._stopping.is_set():
                return
            if retries.is_due():
                order_id, need = key
                with tracing.order_span(f"reconcile {need}", order_id):
                    self._repeat_command(orders[key], force=time.monotonic() - retries.first_at >= CANCEL_SECONDS)
        self._recover_stuck(found["progress"])
        self._metrics.reconciler_last_round.set_to_current_time()

    def _repeat_command(self, order: dict[str, Any], *, force: bool) -> None:
        order_id, need = order["order_id"], order["need"]
        extra = {"order": order_id, "attempt": order["attempt"]}
        if need == "start" and order_id in self._running:
            # Its first step waits until the role that runs it has room.
            return
        log.warning("the engine may not know of a command, so it is repeated: %s", need, extra=extra)
        try:
            if need == "start":
                self._commands.start_again(order_id, order["order"])
            elif need == "cancel":
                self._commands.cancel(OrderCommand(order_id=order_id), force=force)
            elif need == "suspension":
                self._commands.reapply_suspension(order_id)
            else:
                self._commands.decide(DecisionRequest(order_id=order_id, attempt=order["attempt"], **order["decision"]))
        except Unavailable as error:
            self._metrics.reconciler_commands(need, "failed").inc()
            log.warning("not repeated, a later round tries again: %s", error, extra=extra)
        except Refused as error:
            log.info("another process has repeated it meanwhile: %s", error, extra=extra)
        else:
            self._metrics.reconciler_commands(need, "done").inc()

    def _recover_stuck(self, progress: dict[str, str]) -> None:
        end = time.monotonic() + _RECOVERY_SECONDS
        for order_id in self._watchdog.observe(progress):
            if self._stopping.is_set() or time.monotonic() >= end:
                return
            if order_id in self._running:
                self._watchdog.postpone(order_id)
            else:
                with tracing.order_span("reconcile stuck", order_id):
                    self._recover(order_id, progress[order_id])

    def _recover(self, order_id: str, progress: str) -> None:
        extra = {"order": order_id}
        try:
            recovery = self._commands.recover(order_id, progress, was_woken=self._watchdog.was_woken(order_id))
        except (Unavailable, Refused) as error:
            self._metrics.reconciler_recoveries("failed").inc()
            log.warning("stuck, and could not be recovered; a later round tries again: %s", error, extra=extra)
            self._watchdog.postpone(order_id)
            return
        if recovery is None:
            return
        self._metrics.reconciler_recoveries(recovery).inc()
        log.warning("stuck, so its workflow was %s", recovery, extra=extra)
        if recovery == "restarted":
            self._watchdog.note_restarted(order_id)
        else:
            self._watchdog.note_woken(order_id)
