"""A run's hold on a step: what the record has of it by now, and what the topic has yet to be told."""

import time
from collections.abc import Sequence
from uuid import uuid4

from pizzashop.domain.claims import Answer, Claim
from pizzashop.domain.history import Entry, now
from pizzashop.domain.order import Step
from pizzashop.domain.requests import StepOrder
from pizzashop.roles import ORDER
from pizzashop.sidecar import Sidecar


class Hold:
    """Nothing begins but by `ask`, which has the record write it; whoever asks then tells the topic what is `untold`.

    A run that dies in between leaves that to the next one, which tells it in the dead run's name: the same fact again.
    """

    def __init__(self, step: Step, order: StepOrder, sidecar: Sidecar) -> None:
        self._step, self._order, self._sidecar = step, order, sidecar
        self._run = uuid4().hex
        self._asked: set[str] = set()
        self._heir_of: str | None = None
        self._said_for: str | None = None
        self.asked_at = 0.0
        self.charted = True
        self.done = False
        self.began: dict[str, Entry] = {}
        self.untold: dict[str, str] = {}  # statuses, each with the run in whose name it is told

    def ask(self, begins: Sequence[str] = ()) -> Answer:
        """Claim the step, or renew the claim; where that is granted, `begins` has begun with it."""
        # The lease lasts from here on at the least, however long the answer takes.
        self.asked_at, at = time.monotonic(), now()
        self._asked.add(at)
        entries = [Entry(status=status, attempt=self._order.attempt, at=at) for status in begins]
        answer = self._claim(begins=entries, said_for=self._said_for)
        self.charted = answer.claim != "unknown"
        if answer.claim == "granted":
            self._learn(answer)
        elif answer.claim == "unknown":
            self._learn(Answer(claim="granted", began=entries))
        return answer

    def told(self, status: str) -> None:
        """The topic has been told of it."""
        del self.untold[status]
        if not self.untold:
            self._said_for = self._heir_of

    @property
    def inherited(self) -> bool:
        """Whether it was held for a dead run alone, and nothing was begun."""
        return self._said_for is not None

    def give_back(self) -> None:
        """Leave the step to whoever asks next; raises Unavailable where the record cannot be reached.

        With something untold the lease is left to end by itself: so the next run knows that it must look after that.
        """
        if self.charted and not self.untold:
            self._claim(release=True)

    def _learn(self, answer: Answer) -> None:
        fresh = {entry.status: entry for entry in answer.began if entry.status not in self.began}
        self.began |= fresh
        self.done, self._heir_of = answer.done, answer.heir_of
        # It may have begun at an earlier call, of which the answer was lost.
        self.untold |= {status: self._run for status, entry in fresh.items() if entry.at in self._asked}
        if answer.heir_of is None:
            self._said_for = None
        else:
            # A run begins nothing before it has told what it began last.
            last = answer.began[-1].at
            self.untold |= {entry.status: answer.heir_of for entry in answer.began if entry.at == last}

    def _claim(self, *, begins: Sequence[Entry] = (), said_for: str | None = None, release: bool = False) -> Answer:
        claim = Claim(
            step=self._step.name,
            attempt=self._order.attempt,
            run=self._run,
            uid=self._order.uid,
            history=self._order.history,
            begins=list(begins),
            said_for=said_for,
            release=release,
        )
        path, content = f"/order/{self._order.order_id}/claim", claim.model_dump(exclude_none=True)
        return Answer.parse(self._sidecar.invoke(ORDER, "POST", path, content))
