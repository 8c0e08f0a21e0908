"""The record of one order, and every rule by which it may change. Pure: it is loaded and saved elsewhere."""

from secrets import token_hex
from typing import Literal

from pizzashop.domain.errors import Conflict
from pizzashop.domain.history import Entry, insert
from pizzashop.domain.known import Content, Known, Lease, Terms
from pizzashop.domain.order import ACCEPTED, CANCELLED, DELIVERED, FAILED, RANK, STEPS


class Record(Known):
    """The record of one order: what is known of it, and the moves that it can make."""

    @classmethod
    def accept(
        cls, uid: str, order: Content, at: str, *, wanted: bool, terms: Terms | None = None, version: int = 1
    ) -> "Record":
        """The record of an order that was just accepted."""
        record = cls(uid=uid, secret=token_hex(16), order=order, history=[Entry(status=ACCEPTED, at=at)])
        return record.model_copy(update={"wanted": wanted, "terms": terms, "version": version})

    def want(self, terms: Terms | None = None) -> bool:
        """Mark it as wanted: its workflow is to be scheduled. Answers whether that changed anything."""
        if self.wanted:
            return False
        self.wanted, self.terms = True, terms
        return True

    def hear(self, entries: list[Entry]) -> bool:
        """Take in stages that began, in any order and any number of times; answers whether any was new."""
        fresh = [entry for entry in entries if not self._knows(entry)]
        for entry in fresh:
            insert(self.history, entry)
            self._move_to(entry)
        return bool(fresh)

    def let_go(self, entry: Entry, run: str | None) -> None:
        """End the lease of a run whose last word the topic has brought: there is nothing left to take over."""
        if self.lease is not None and (self.lease.run, self.lease.attempt) == (run, entry.attempt):
            last_words = {step.done_status for step in STEPS if step.name == self.lease.step}
            self.lease = None if entry.status in last_words else self.lease

    def decide(self, verdict: str, attempt: int | None, at: str, by: str | None, note: str | None) -> Entry:
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
        entry = Entry(kind="decision", status=verdict, attempt=attempt, at=at, by=by, note=note)
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
        self.cancelling = Entry(kind="action", status=CANCELLED, attempt=self.attempt, at=at, by=by, note=note)
        return True

    def end(self, status: Literal["delivered", "failed", "cancelled"], at: str, error: str | None) -> bool:
        """Bring it to its end, unless it has one already: the first stands. Answers whether it changed."""
        if self.final or (self.cancelling is not None and status != CANCELLED):
            return False
        if status == CANCELLED:
            asked = self.cancelling or Entry(kind="action", status=CANCELLED, attempt=self.attempt, at=at)
            self.history.append(asked.model_copy(update={"at": at}))
        elif status == FAILED:
            self.history.append(Entry(status=FAILED, attempt=self.attempt, at=at, note=error))
        elif not self.stages_of(self.attempt, (DELIVERED,)):
            self.history.append(Entry(status=DELIVERED, attempt=self.attempt, at=at))
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
        self.history.append(Entry(kind="action", status=word, attempt=self.attempt, at=at, by=by, note=note))
        return True

    def _knows(self, entry: Entry) -> bool:
        return entry.status not in RANK or any(
            e.kind == "stage" and e.attempt == entry.attempt and e.status == entry.status for e in self.history
        )

    def _move_to(self, entry: Entry) -> None:
        ended_by_its_workflow = self.wanted and entry.status == DELIVERED
        if self.final or self.cancelling is not None or ended_by_its_workflow:
            return
        if entry.place > (self.attempt, RANK[self.status]):
            self.attempt, self.status = entry.attempt, entry.status


def said(verdict: str) -> str:
    """A verdict as part of a sentence."""
    return {"remake": "sent back to be made again"}.get(verdict, verdict)
