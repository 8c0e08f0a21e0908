"""The record of one order, and every rule by which it may change. Pure: it is loaded and saved elsewhere."""

import json
from secrets import token_hex
from typing import Any, Literal

from pydantic import BaseModel, Field

from pizzashop.domain.history import HistoryEntry, insert
from pizzashop.domain.lifecycle import (
    ACCEPTED,
    CANCELLED,
    DELIVERED,
    FAILED,
    FINAL,
    OVERDUE,
    PENDING_VALIDATION,
    RANK,
    STEPS,
    Step,
)
from pizzashop.errors import Conflict

Content = dict[str, Any]

OWN_FIELDS = frozenset({"status", "attempt", "paused", "error", "overdue", "version", "history"})
"""What a view of an order has beside what the client sent."""


class Lease(BaseModel):
    """Who does a step just now, and until when it may count on being alone (seconds since the epoch)."""

    step: str
    attempt: int
    run: str
    until: float
    heir_of: str | None = None  # the run that had it before and may have died before it told the topic

    def left(self, now: float, longest: float) -> float:
        """Answer for how many seconds it still lasts, 0 where it is over; `longest` is the most that it is given for.

        A clock that was set back leaves ends that are further ahead than any lease lasts: such a lease is over. Twice
        `longest`, since the clocks of two machines differ a little.
        """
        left = self.until - now
        return left if 0 < left <= 2 * longest else 0.0


class Terms(BaseModel):
    """The settings that hold for one order from its start to its end; `reminder` and `deadline` in seconds."""

    max_remakes: int = Field(ge=0)
    reminder: float | None = Field(None, gt=0, allow_inf_nan=False)
    deadline: float | None = Field(None, gt=0, allow_inf_nan=False)


class RecordData(BaseModel):
    """What the shop knows of an order. `uid` tells it from another of the same id after a deletion."""

    uid: str
    secret: str = ""  # what the seals of its decisions are made of
    order: Content = Field(default_factory=dict)
    status: str = ACCEPTED
    attempt: int = 1
    paused: bool = False
    error: str | None = None
    version: int = 1
    history: list[HistoryEntry] = Field(default_factory=list)
    wanted: bool = False  # a workflow is to bring it to its end
    terms: Terms | None = None  # under which that workflow was started
    begun: bool = False  # and that workflow has asked for its first step
    heartbeat_at: str | None = None  # when an activity that takes long last said that it is under way
    cancelling: HistoryEntry | None = None  # who cancels it, while its workflow is being ended
    lease: Lease | None = None
    steering: Lease | None = None  # who suspends or resumes its workflow just now
    ended: str | None = None  # when it came to its end, or was deleted before it had one
    purged: bool = False  # the engine keeps nothing of its workflow any more
    deleted: bool = False
    emptied: str | None = None  # when what it said was deleted
    page: int = 0  # where it stands in the index: a page,
    place: int = 0  # and its position there

    @property
    def final(self) -> bool:
        """Whether it has ended: nothing but the truth about its past is added any more."""
        return self.status in FINAL

    @property
    def closed(self) -> bool:
        """Whether no step may begin any more."""
        return self.deleted or self.final or self.cancelling is not None

    @property
    def live(self) -> bool:
        """Whether a workflow is, or will be, at work on it."""
        return self.wanted and not self.final

    @property
    def overdue(self) -> bool:
        """Whether its decision is late, and still missing."""
        waits = self.status == PENDING_VALIDATION and not self.closed and self.decision_of(self.attempt) is None
        return waits and any(e.status == OVERDUE and e.attempt == self.attempt for e in self.history)

    def view(self) -> Content:
        """The order as anyone may read it: its fields, and what has become of it."""
        # Being cancelled it can end no other way: it reads so before its workflow has ended.
        cancelled = [self.cancelling] if self.cancelling is not None else []
        status = CANCELLED if cancelled else self.status
        own = {name: value for name, value in self.order.items() if name != "overdue"}
        view = {**own, "status": status, "attempt": self.attempt, "paused": self.paused}
        if self.error is not None:
            view["error"] = self.error
        if self.overdue:
            view["overdue"] = True
        history = [entry.model_dump(exclude_none=True) for entry in [*self.history, *cancelled]]
        return {**view, "version": self.version, "history": history}

    def same_content(self, order: Content) -> bool:
        """Whether `order` is what this record was made of, to the letter (1 is not true, nor 1.0)."""
        return json.dumps(order, sort_keys=True) == json.dumps(self.order, sort_keys=True)

    def stages_of(self, attempt: int, statuses: tuple[str, ...]) -> list[HistoryEntry]:
        """Which of `statuses` have begun in this attempt, oldest first."""
        return [e for e in self.history if e.kind == "stage" and e.attempt == attempt and e.status in statuses]

    def has_done(self, step: Step, attempt: int) -> bool:
        """Whether this step is over in this attempt: it was said so, or something that comes after it has begun."""
        place = attempt, RANK[step.done_status]
        return any(e.kind == "stage" and e.status in RANK and e.place >= place for e in self.history)

    def decision_of(self, attempt: int) -> HistoryEntry | None:
        """The manager's decision on this attempt, if there is one."""
        return next((e for e in self.history if e.kind == "decision" and e.attempt == attempt), None)

    def require_open(self, done: str) -> None:
        """Raise Conflict, which says what it is instead, where nothing can be `done` to it any more."""
        if self.closed:
            word = self.status if self.final else "being cancelled"
            raise Conflict(f"The order is {word}: it cannot be {done} any more")
        if not self.wanted:
            raise Conflict("The order has not been started: send it to /start-order")


class Record(RecordData):
    """The record of one order: what is known of it, and the moves that it can make."""

    @classmethod
    def accept(
        cls, uid: str, order: Content, at: str, *, wanted: bool, terms: Terms | None = None, version: int = 1
    ) -> "Record":
        """The record of an order that was just accepted."""
        record = cls(uid=uid, secret=token_hex(16), order=order, history=[HistoryEntry(status=ACCEPTED, at=at)])
        return record.model_copy(update={"wanted": wanted, "terms": terms, "version": version})

    def want(self, terms: Terms | None = None) -> bool:
        """Mark it as wanted: its workflow is to be scheduled. Answers whether that changed anything."""
        if self.wanted:
            return False
        self.wanted, self.terms = True, terms
        return True

    def hear(self, entries: list[HistoryEntry]) -> bool:
        """Take in stages that began, in any order and any number of times; answers whether any was new."""
        fresh = [entry for entry in entries if not self._knows(entry)]
        for entry in fresh:
            insert(self.history, entry)
            self._move_to(entry)
        return bool(fresh)

    def let_go(self, entry: HistoryEntry, run: str | None) -> None:
        """End the lease of a run whose last word the topic has brought: there is nothing left to take over."""
        if self.lease is not None and (self.lease.run, self.lease.attempt) == (run, entry.attempt):
            last_words = {step.done_status for step in STEPS if step.name == self.lease.step}
            self.lease = None if entry.status in last_words else self.lease

    def decide(self, verdict: str, attempt: int | None, at: str, by: str | None, note: str | None) -> HistoryEntry:
        """Record a decision and answer the one that stands; raises Conflict where another stands already."""
        attempt = attempt or self.attempt
        standing = self.decision_of(attempt)
        if standing is not None:
            if standing.status != verdict:
                raise Conflict(f"Attempt {attempt} was {said(standing.status)} already", decision=standing.status)
            return standing
        self.require_open("decided on")
        if attempt != self.attempt:
            raise Conflict(f"Attempt {attempt} has not begun: the present one is {self.attempt}")
        entry = HistoryEntry(kind="decision", status=verdict, attempt=attempt, at=at, by=by, note=note)
        self.history.append(entry)
        return entry

    def pause(self, at: str, by: str | None, note: str | None) -> bool:
        """Mark it as paused; answers whether that changed anything."""
        return self._set_paused(True, "paused", at, by, note)

    def resume(self, at: str, by: str | None, note: str | None) -> bool:
        """Mark it as going on; answers whether that changed anything."""
        return self._set_paused(False, "resumed", at, by, note)

    def cancel(self, at: str, by: str | None, note: str | None) -> bool:
        """Begin to cancel it: from here on it can only end as cancelled. Answers whether anything changed."""
        if self.status == CANCELLED or self.cancelling is not None:
            return False
        self.require_open("cancelled")
        if self.stages_of(self.attempt, (DELIVERED,)):
            raise Conflict("The order is delivered: it cannot be cancelled any more")
        self.cancelling = HistoryEntry(kind="action", status=CANCELLED, attempt=self.attempt, at=at, by=by, note=note)
        return True

    def end(self, status: Literal["delivered", "failed", "cancelled"], at: str, error: str | None) -> bool:
        """Bring it to its end, unless it has one already: the first stands. Answers whether it changed."""
        if self.final or (self.cancelling is not None and status != CANCELLED):
            return False
        if status == CANCELLED:
            asked = self.cancelling or HistoryEntry(kind="action", status=CANCELLED, attempt=self.attempt, at=at)
            self.history.append(asked.model_copy(update={"at": at}))
        elif status == FAILED:
            self.history.append(HistoryEntry(status=FAILED, attempt=self.attempt, at=at, note=error))
        elif not self.stages_of(self.attempt, (DELIVERED,)):
            self.history.append(HistoryEntry(status=DELIVERED, attempt=self.attempt, at=at))
        self.status, self.error = status, error if status == FAILED else None
        if self.paused and status != CANCELLED:
            # Its last step went on while its workflow was suspended, and that is still to hear that it may end.
            self.steering = self.steered_by("end", 0)
        self.paused, self.cancelling, self.lease, self.ended = False, None, None, at
        return True

    def delete(self, at: str) -> None:
        """Forget what the order was, but for its `uid`: what is heard of it later must bring nothing back."""
        if self.live:
            raise Conflict("The order's workflow is at work on it: cancel it first")
        self.order, self.history, self.error, self.lease = {}, [], None, None
        self.deleted, self.emptied, self.ended = True, at, self.ended or at

    def steered_by(self, run: str, until: float) -> Lease:
        """A lease on its workflow's being suspended and resumed; one that is over is for the sweep to look after."""
        return Lease(step="steer", attempt=self.attempt, run=run, until=until)

    def _set_paused(self, paused: bool, word: str, at: str, by: str | None, note: str | None) -> bool:
        self.require_open(word)
        if self.paused == paused:
            return False
        self.paused = paused
        self.history.append(HistoryEntry(kind="action", status=word, attempt=self.attempt, at=at, by=by, note=note))
        return True

    def _knows(self, entry: HistoryEntry) -> bool:
        return entry.status not in RANK or any(
            e.kind == "stage" and e.attempt == entry.attempt and e.status == entry.status for e in self.history
        )

    def _move_to(self, entry: HistoryEntry) -> None:
        ended_by_its_workflow = self.wanted and entry.status == DELIVERED
        if self.final or self.cancelling is not None or ended_by_its_workflow:
            return
        if entry.place > (self.attempt, RANK[self.status]):
            self.attempt, self.status = entry.attempt, entry.status


def said(verdict: str) -> str:
    """A verdict as part of a sentence."""
    return {"remake": "sent back to be made again"}.get(verdict, verdict)
