"""How far an order has come, from 0 to 1: its fourteen stages, each as long as it lasts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pizzashop.console.output import one_line_text
from pizzashop.console.shop import Record
from pizzashop.domain.history import Entry, seconds_since
from pizzashop.domain.lifecycle import (
    ACCEPTED,
    COOK_STEP,
    DELIVER_STEP,
    DELIVERED,
    FAILED,
    ORDER_STEP,
    PENDING_VALIDATION,
    RANK,
    STEPS,
)
from pizzashop.presentation.status_text import entry_text, remake_text, status_text


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


Mark = Literal["done", "now", "paused", "next", "again", "failed", "cancelled"]


@dataclass(frozen=True)
class Row:
    """One line: `seconds` is how long it took, or has lasted so far; `command` is what would help."""

    mark: Mark
    label: str
    seconds: float | None = None
    note: str = ""
    command: str = ""


def rows(record: Record) -> list[Row]:
    """The rows of an order, in the order in which things happen."""
    present = present_attempt(record)
    found = [_row(record, 1, CONFIRM)]
    for attempt in range(1, present + 1):
        found += [_row(record, attempt, COOK), _row(record, attempt, DECIDE)]
    found.append(_row(record, present, DELIVER))
    # Of an order that has ended, what never began is not going to.
    shown = [row for row in found if row.mark != "next"] if record.ended else found
    return _with_one_current(record, shown)


def present_attempt(record: Record) -> int:
    """The attempt under way: the next one as soon as the manager has sent a pizza back."""
    decision = record.decision_of(record.attempt)
    sent_back = decision is not None and decision.status == "remake" and not record.ended
    return record.attempt + 1 if sent_back else record.attempt


def _row(record: Record, attempt: int, phase: Phase) -> Row:
    passage = Passage.of(record.history, attempt, phase)
    if phase is DECIDE and (decision := record.decision_of(attempt)):
        return _decided(record, passage, decision)
    if passage.after or (passage.latest and record.status == DELIVERED):
        return Row("done", phase.done, passage.seconds(passage.after))
    if not passage.latest:
        return Row("next", phase.planned)
    if record.ended:
        mark: Mark = "failed" if record.status == FAILED else "cancelled"
        return Row(mark, status_text(passage.latest.status), passage.seconds(record.last(record.status)))
    return _current(record, passage, passage.latest)


def _current(record: Record, passage: Passage, stage: Entry) -> Row:
    seconds = passage.seconds_in_stage
    if record.paused:
        resume = f"pizzashop resume {record.order_id}"
        return Row("paused", f"paused: {status_text(stage.status)}", seconds, "go on:", resume)
    if stage.status == PENDING_VALIDATION:
        approve = f"pizzashop approve {record.order_id}"
        return Row("now", status_text(stage.status), seconds, "approve it:", approve)
    return Row("now", status_text(stage.status), seconds)


def _decided(record: Record, passage: Passage, decision: Entry) -> Row:
    note = one_line_text(decision.note or "")
    label = one_line_text(entry_text(decision.status, decision.by))
    if not passage.latest:
        return Row("next", DECIDE.planned, note=f"{label} already")
    seconds = passage.seconds(decision)
    if decision.status == "approved":
        return Row("done", label, seconds, note)
    if decision.status == "remake" and (not record.ended or decision.attempt < record.attempt):
        by = f" by {one_line_text(decision.by)}" if decision.by else ""
        return Row("again", f"sent back{by}", seconds, remake_text(note))
    return Row("failed", label, seconds, note)


def _with_one_current(record: Record, found: list[Row]) -> list[Row]:
    """Between two phases nothing has begun yet: then the next one counts as the present."""
    first = next((number for number, row in enumerate(found) if row.mark == "next"), None)
    if first is None or any(row.mark in ("now", "paused") for row in found):
        return found
    mark: Mark = "paused" if record.paused else "now"
    return [*found[:first], Row(mark, found[first].label, note=found[first].note), *found[first + 1 :]]


_SECONDS = {stage.status: stage.seconds for step in STEPS for stage in step.stages}
_ALL = sum(_SECONDS.values())
_CONFIRMED = sum(stage.seconds for stage in ORDER_STEP.stages)


def fraction(record: Record) -> float:
    """The part of the way that is behind the order; a pizza that is made again starts over in the kitchen."""
    attempt = present_attempt(record)
    stages = [e for e in record.history if e.kind == "stage" and e.attempt == attempt and e.status in RANK]
    if record.status == DELIVERED:
        return 1.0
    if not stages:
        return _CONFIRMED / _ALL if attempt > 1 else 0.0
    latest = max(stages, key=lambda stage: RANK[stage.status])
    before = sum(seconds for status, seconds in _SECONDS.items() if RANK[status] < RANK[latest.status])
    return min(1.0, (before + _within(record, latest)) / _ALL)


def _within(record: Record, stage: Entry) -> float:
    # The shop's pace is not known here: a stage counts in full at the latest when the next one begins.
    return 0.0 if record.ended else min(seconds_since(stage.at), _SECONDS.get(stage.status, 0.0))
