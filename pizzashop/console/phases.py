"""The four phases of an order that a customer waits through, and what a history says of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pizzashop.domain.history import Entry, seconds_since
from pizzashop.domain.order import ACCEPTED, COOK_STEP, DELIVER_STEP, ORDER_STEP, PENDING_VALIDATION, RANK


@dataclass(frozen=True)
class Phase:
    """Some statuses that follow one another, with the words for before and after."""

    planned: str
    done: str
    statuses: tuple[str, ...]

    @property
    def last_rank(self) -> int:
        """The place of its last status in the way of an order."""
        return RANK[self.statuses[-1]]


CONFIRM = Phase("confirming", "confirmed", (ACCEPTED, *ORDER_STEP.announced))
COOK = Phase("cooking", "cooked", tuple(stage.status for stage in COOK_STEP.stages))
DECIDE = Phase("the manager's look", "approved", (COOK_STEP.done_status, PENDING_VALIDATION))
DELIVER = Phase("on the way", "delivered", tuple(stage.status for stage in DELIVER_STEP.stages))


@dataclass(frozen=True)
class Passage:
    """An order's way through one phase: the entries that belong to it, and what came first after it."""

    entries: tuple[Entry, ...]
    after: Entry | None

    @classmethod
    def of(cls, history: Sequence[Entry], attempt: int, phase: Phase) -> "Passage":
        """What `history` says of this phase of this attempt."""
        stages = [e for e in history if e.kind == "stage" and e.attempt == attempt and e.status in RANK]
        within = tuple(e for e in stages if e.status in phase.statuses)
        return cls(within, next((e for e in stages if RANK[e.status] > phase.last_rank), None))

    @property
    def latest(self) -> Entry | None:
        """The stage that began last."""
        return self.entries[-1] if self.entries else None

    def seconds(self, until: Entry | None) -> float | None:
        """How long it took to `until`; None where that is not known."""
        return seconds_between(self.entries[0], until) if self.entries and until else None

    @property
    def seconds_in_stage(self) -> float | None:
        """How long the latest stage has lasted so far."""
        return seconds_since(self.latest.at) if self.latest else None


def seconds_between(earlier: Entry, later: Entry) -> float:
    """The time from one entry to another; never less than 0."""
    between = datetime.fromisoformat(later.at) - datetime.fromisoformat(earlier.at)
    return max(0.0, between.total_seconds())
