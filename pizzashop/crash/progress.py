"""Follow the orders that were under way at a crash: which wait, which went on, and how long each was delayed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pizzashop.crash.requests import MAX_ORDERS, Crash
from pizzashop.domain.claims import LEASE_SECONDS
from pizzashop.domain.history import HistoryEntry, epoch_seconds, seconds_since, utc_timestamp
from pizzashop.domain.lifecycle import COOK_STEP, FINAL, PENDING_VALIDATION, STATUS_BY_NAME, Phase, status_text
from pizzashop.domain.record import OrderSnapshot
from pizzashop.presentation.progress import phase_of
from pizzashop.roles import DELIVERY, KITCHEN, STOREFRONT

# These roles run the stages of a step under a lease.
_ROLES_WITH_STEPS = frozenset({STOREFRONT.name, KITCHEN.name, DELIVERY.name})
# In these phases an order goes on without a decision.
MOVING_PHASES: frozenset[Phase] = frozenset({"to_make", "cooking", "ending", "on_the_way"})
# In these statuses an order waits for the manager, and for no part of the shop.
_WAITING_FOR_MANAGER = (COOK_STEP.done_status, PENDING_VALIDATION)
# The page and the command follow a crash no longer than this, also if an order still waits.
MAX_WATCH_SECONDS = 120.0
# A shorter delay does not count: without a crash too, stages take a little longer than planned.
_MIN_DELAY_SECONDS = 0.5


@dataclass(frozen=True)
class OrderProgress:
    """An order that was under way when a part was killed.

    `before` is the stage that the order was in. `latest` is the present one, or the first one after it `went_on`.
    `delay_seconds` is how much longer than planned its stages have lasted since the crash. It grows while the order
    waits.
    """

    order_id: str
    before: HistoryEntry
    latest: HistoryEntry
    went_on: bool
    delay_seconds: float

    @property
    def is_delayed(self) -> bool:
        """Whether the order is late by now, compared with the plan."""
        return self.delay_seconds >= _MIN_DELAY_SECONDS

    @property
    def text(self) -> str:
        """The stage at the crash and the latest one, in words for the staff."""
        stages = [self.before] if self.latest == self.before else [self.before, self.latest]
        return " → ".join(status_text(entry.status) for entry in stages)

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "order_id": self.order_id,
            "stage": self.before.status,
            "latest_stage": self.latest.status,
            "went_on_at": self.latest.at if self.went_on else None,
            "delay_seconds": round(self.delay_seconds, 3),
        }


@dataclass(frozen=True)
class CrashProgress:
    """A crash and the orders that were under way.

    `lost` has the ids of orders that are missing or whose history is shorter. `unread` has those not read yet.
    """

    crash: Crash
    orders: list[OrderProgress]
    lost: list[str]
    unread: list[str]

    @property
    def waiting(self) -> list[OrderProgress]:
        """The orders that have not gone on yet."""
        return [each for each in self.orders if not each.went_on]

    @property
    def is_over(self) -> bool:
        """Whether the part is ready and each order went on, or MAX_WATCH_SECONDS have passed."""
        killed_at = self.crash.killed_at or self.crash.request.at
        return (
            bool(self.crash.ready_at and not self.waiting and not self.unread)
            or seconds_since(killed_at) > MAX_WATCH_SECONDS
        )

    @property
    def delay_seconds(self) -> float:
        """The longest delay of an order."""
        return max((each.delay_seconds for each in self.orders), default=0.0)

    def seconds_to(self, at: str | None) -> float | None:
        """Return the seconds from the kill to a moment; None if one of the two has not come."""
        if at is None or self.crash.killed_at is None:
            return None
        return max(0.0, epoch_seconds(at) - epoch_seconds(self.crash.killed_at))

    def summary(self) -> str:
        """Return in a sentence or two whether anything was lost, and the delay; empty while it is too early to say."""
        part, count = self.crash.request.part, len(self.orders)
        if self.lost:
            return f"Something is missing of {', '.join(self.lost)}: please report it as a defect."
        if not self.is_over:
            return ""
        if self.crash.ready_at is None:
            return f"After {MAX_WATCH_SECONDS:.0f} s {part} is not ready: see its log."
        if unfinished := [*(each.order_id for each in self.waiting), *self.unread]:
            return f"After {MAX_WATCH_SECONDS:.0f} s these orders still wait: {', '.join(unfinished)}."
        if not count:
            return f"{part} is ready again. No order was under way, so none had to wait."
        orders = (
            "the order has its whole history and went"
            if count == 1
            else f"all {count} orders have their whole history and went"
        )
        delayed = sum(each.is_delayed for each in self.orders)
        if not delayed:
            return f"Nothing was lost: {orders} on. None was delayed."
        which = "It was delayed" if count == 1 else f"{delayed} of {count} {'was' if delayed == 1 else 'were'} delayed"
        longest = ", the longest by" if delayed > 1 else " by"
        return f"Nothing was lost: {orders} on. {which}{longest} {self.delay_seconds:.1f} s."

    def explanation(self) -> str:
        """Return why orders wait for longer than the part is away; empty if there is no such reason."""
        if not any(each.is_delayed for each in self.orders):
            return ""
        if self.crash.request.part == "scheduler":
            return "A killed scheduler still has its leadership for up to 20 s, and the new one waits for that."
        if self.crash.request.part in _ROLES_WITH_STEPS:
            return (
                f"A killed run still has the lease of its step, for at most {LEASE_SECONDS:g} s. Only then may another"
                " run take the step, so that no two processes make one pizza."
            )
        return ""

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        crash = self.crash
        return {
            "part": crash.request.part,
            "pid": crash.pid,
            "killed_at": crash.killed_at,
            "restarted_at": crash.restarted_at,
            "ready_at": crash.ready_at,
            "orders": [each.as_json() for each in self.orders],
            "lost": self.lost,
        }


def orders_under_way(records: Iterable[OrderSnapshot]) -> dict[str, int]:
    """Return the ids of the orders that a crash can delay, each with the number of entries in its history.

    These are not the paused ones, and not those that wait for the manager. The number shows later if an entry is lost.
    """
    moving = [each for each in records if not each.paused and phase_of(each) in MOVING_PHASES]
    return {each.order["order_id"]: len(each.history) for each in moving[:MAX_ORDERS]}


def crash_progress(crash: Crash, records: Mapping[str, OrderSnapshot | None]) -> CrashProgress:
    """Return the progress of a crash and of the orders in its request.

    `records` has their present records: None for an order that does not exist, no entry for one that was not read.
    """
    orders, lost, unread = list[OrderProgress](), list[str](), list[str]()
    for order_id, length in crash.request.orders.items():
        if order_id not in records:
            unread.append(order_id)
            continue
        record = records[order_id]
        if record is None or len(record.history) < length:
            lost.append(order_id)
        elif progress := _order_progress(crash, order_id, record.history):
            orders.append(progress)
    return CrashProgress(crash, orders, lost, unread)


def _order_progress(crash: Crash, order_id: str, history: list[HistoryEntry]) -> OrderProgress | None:
    killed_at = crash.killed_at or crash.request.at
    stages = [entry for entry in history if entry.kind == "stage" or entry.status in FINAL]
    before = next((entry for entry in reversed(stages) if entry.at <= killed_at), None)
    # An order that had just ended, or had just reached the manager, was not under way.
    if before is None or before.status in FINAL or (before.status in _WAITING_FOR_MANAGER and before == stages[-1]):
        return None
    # While another part is away, the role finishes the stages of its step: the order waits before the next step.
    waits_at_next_step = crash.request.part.removeprefix("sidecar-") not in _ROLES_WITH_STEPS
    path, went_on = [before], False
    for entry in stages[stages.index(before) + 1 :]:
        path.append(entry)
        if went_on := entry.status in FINAL or not waits_at_next_step or _step(entry) != _step(before):
            break
    ends = [entry.at for entry in path[1:]] + ([] if went_on else [utc_timestamp()])
    delays = [_delay_seconds(stage, end, killed_at, crash.pace) for stage, end in zip(path, ends, strict=False)]
    return OrderProgress(order_id, before, path[-1], went_on, sum(delays))


def _delay_seconds(stage: HistoryEntry, end: str, killed_at: str, pace: float) -> float:
    """Return how much longer than planned a stage has lasted; time that it lost before the crash does not count."""
    status = STATUS_BY_NAME.get(stage.status)
    planned_seconds = (status.seconds or 0.0) * pace if status else 0.0
    planned_end = max(epoch_seconds(stage.at) + planned_seconds, epoch_seconds(killed_at))
    delay = epoch_seconds(end) - planned_end
    return delay if delay >= _MIN_DELAY_SECONDS else 0.0


def _step(stage: HistoryEntry) -> str | None:
    status = STATUS_BY_NAME.get(stage.status)
    return status.step if status else None
