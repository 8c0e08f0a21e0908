"""An order's way as rows for someone who waits: one for each phase, and for each pizza that was sent back."""

from dataclasses import dataclass
from typing import Literal

from pizzashop.console.phases import CONFIRM, COOK, DECIDE, DELIVER, Passage, Phase
from pizzashop.console.record import Record
from pizzashop.console.text import clean
from pizzashop.domain.history import Entry
from pizzashop.domain.order import DELIVERED, FAILED, PENDING_VALIDATION
from pizzashop.domain.words import say, say_again, say_who

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
        return Row(mark, say(passage.latest.status), passage.seconds(record.last(record.status)))
    return _current(record, passage, passage.latest)


def _current(record: Record, passage: Passage, stage: Entry) -> Row:
    seconds = passage.seconds_in_stage
    if record.paused:
        resume = f"pizzashop resume {record.order_id}"
        return Row("paused", f"paused: {say(stage.status)}", seconds, "go on:", resume)
    if stage.status == PENDING_VALIDATION:
        approve = f"pizzashop approve {record.order_id}"
        return Row("now", say(stage.status), seconds, "approve it:", approve)
    return Row("now", say(stage.status), seconds)


def _decided(record: Record, passage: Passage, decision: Entry) -> Row:
    note = clean(decision.note or "")
    label = clean(say_who(decision.status, decision.by))
    if not passage.latest:
        return Row("next", DECIDE.planned, note=f"{label} already")
    seconds = passage.seconds(decision)
    if decision.status == "approved":
        return Row("done", label, seconds, note)
    if decision.status == "remake" and (not record.ended or decision.attempt < record.attempt):
        by = f" by {clean(decision.by)}" if decision.by else ""
        return Row("again", f"sent back{by}", seconds, say_again(note))
    return Row("failed", label, seconds, note)


def _with_one_current(record: Record, found: list[Row]) -> list[Row]:
    """Between two phases nothing has begun yet: then the next one counts as the present."""
    first = next((number for number, row in enumerate(found) if row.mark == "next"), None)
    if first is None or any(row.mark in ("now", "paused") for row in found):
        return found
    mark: Mark = "paused" if record.paused else "now"
    return [*found[:first], Row(mark, found[first].label, note=found[first].note), *found[first + 1 :]]
