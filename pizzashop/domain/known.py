"""What is known of one order, and what can be read off it."""

import json
from typing import Any

from pydantic import BaseModel, Field

from pizzashop.domain.errors import Conflict
from pizzashop.domain.history import Entry
from pizzashop.domain.order import ACCEPTED, CANCELLED, FINAL, OVERDUE, PENDING_VALIDATION, RANK, Step

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


class Known(BaseModel):
    """What the shop knows of an order. `uid` tells it from another of the same id after a deletion."""

    uid: str
    secret: str = ""  # what the seals of its decisions are made of
    order: Content = Field(default_factory=dict)
    status: str = ACCEPTED
    attempt: int = 1
    paused: bool = False
    error: str | None = None
    version: int = 1
    history: list[Entry] = Field(default_factory=list)
    wanted: bool = False  # a workflow is to bring it to its end
    terms: Terms | None = None  # under which that workflow was started
    begun: bool = False  # and that workflow has asked for its first step
    heartbeat_at: str | None = None  # when an activity that takes long last said that it is under way
    cancelling: Entry | None = None  # who cancels it, while its workflow is being ended
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

    def stages_of(self, attempt: int, statuses: tuple[str, ...]) -> list[Entry]:
        """Which of `statuses` have begun in this attempt, oldest first."""
        return [e for e in self.history if e.kind == "stage" and e.attempt == attempt and e.status in statuses]

    def has_done(self, step: Step, attempt: int) -> bool:
        """Whether this step is over in this attempt: it was said so, or something that comes after it has begun."""
        place = attempt, RANK[step.done_status]
        return any(e.kind == "stage" and e.status in RANK and e.place >= place for e in self.history)

    def decision_of(self, attempt: int) -> Entry | None:
        """The manager's decision on this attempt, if there is one."""
        return next((e for e in self.history if e.kind == "decision" and e.attempt == attempt), None)

    def require_open(self, done: str) -> None:
        """Raise Conflict, which says what it is instead, where nothing can be `done` to it any more."""
        if self.closed:
            word = self.status if self.final else "being cancelled"
            raise Conflict(f"The order is {word}: it cannot be {done} any more")
        if not self.wanted:
            raise Conflict("The order has not been started: send it to /start-order")
