"""What storefront, kitchen and delivery share: do one step of one order, stage by stage, each stage once."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

from pydantic import BaseModel
from tenacity import Retrying, retry_if_exception_type, stop_when_event_set, wait_random_exponential
from tenacity.nap import sleep_using_event

from pizzashop.dapr.sidecar import Sidecar
from pizzashop.domain.claims import Claim, ClaimAnswer
from pizzashop.domain.events import build_stage_event
from pizzashop.domain.history import HistoryEntry, seconds_since, utc_timestamp
from pizzashop.domain.lifecycle import RANK, Stage, Step
from pizzashop.domain.requests import StepOrder
from pizzashop.errors import Conflict, Unavailable
from pizzashop.roles import ORDER
from pizzashop.web.dependencies import ConcurrencyLimit


class StepDone(BaseModel):
    """The order as it was sent, with the status that the step ended with, and `error` where it failed."""

    order_id: str
    status: str
    error: str | None = None


@dataclass(frozen=True)
class StepContext:
    """What a run needs: the sidecar, the gate, the pace, and which stage of which orders is to fail."""

    sidecar: Sidecar
    gate: ConcurrencyLimit
    pace: float = 1.0
    fail: str = ""


class StepLease:
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
        self.began: dict[str, HistoryEntry] = {}
        self.untold: dict[str, str] = {}  # statuses, each with the run in whose name it is told

    def ask(self, begins: Sequence[str] = ()) -> ClaimAnswer:
        """Claim the step, or renew the claim; where that is granted, `begins` has begun with it."""
        # The lease lasts from here on at the least, however long the answer takes.
        self.asked_at, at = time.monotonic(), utc_timestamp()
        self._asked.add(at)
        entries = [HistoryEntry(status=status, attempt=self._order.attempt, at=at) for status in begins]
        answer = self._claim(begins=entries, said_for=self._said_for)
        self.charted = answer.claim != "unknown"
        if answer.claim == "granted":
            self._learn(answer)
        elif answer.claim == "unknown":
            self._learn(ClaimAnswer(claim="granted", began=entries))
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

    def _learn(self, answer: ClaimAnswer) -> None:
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

    def _claim(
        self, *, begins: Sequence[HistoryEntry] = (), said_for: str | None = None, release: bool = False
    ) -> ClaimAnswer:
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
        return ClaimAnswer.parse(self._sidecar.invoke(ORDER, "POST", path, content))


RENEW_SECONDS = 3.0  # how often a long stage renews its lease
JOIN_SECONDS = 0.25  # how long to wait before asking again for a step that another run has
PATIENCE_SECONDS = 2.0  # the longest pause between two tries, while something is away

log = logging.getLogger(__name__)

OrderJson = dict[str, Any]
T = TypeVar("T")


def run_step(step: Step, order: OrderJson, means: StepContext) -> OrderJson:
    """Do `step` for the order sent along; answers the order with the status that the step ended with.

    Raises InvalidRequest for an order that makes no sense, Conflict where the record says that the step is not to be done,
    and Unavailable where something needed is away.
    """
    checked = StepOrder.parse(order)
    with means.gate:
        return _Run(step, order, checked, means).go()


class _Run:
    """One execution of a step for one order."""

    def __init__(self, step: Step, order: OrderJson, checked: StepOrder, means: StepContext) -> None:
        self._step, self._order, self._checked, self._means = step, order, checked, means
        self._hold = StepLease(step, checked, means.sidecar)
        self._fails_in, _, prefix = means.fail.partition(":")
        self._may_fail = bool(self._fails_in) and checked.order_id.startswith(prefix)

    def go(self) -> OrderJson:
        self._join()
        try:
            self._tell()
            for stage in self._step.stages:
                self._do(stage)
                if self._may_fail and stage.status == self._fails_in:
                    return self._failed(stage)
            self._enter(self._step.done_status)
        except Unavailable:
            self._give_back()
            raise
        if self._hold.inherited:
            self._give_back()
        return self._answer(self._step.done_status)

    def _join(self) -> None:
        first = self._together(self._step.announced[0])
        while (answer := self._hold.ask(first)).claim == "taken":
            # Another run is at it: this one waits for its end, and then finds the step done.
            self._sleep(min(JOIN_SECONDS, answer.seconds))
        self._must_be_open(answer)

    def _do(self, stage: Stage) -> None:
        self._enter(stage.status)
        entry = self._hold.began.get(stage.status)
        if entry is not None and self._means.pace and not self._is_followed(stage.status):
            self._wait(stage.seconds * self._means.pace - seconds_since(entry.at))

    def _enter(self, status: str) -> None:
        """Have it begin, unless it has: first in the record, then on the topic."""
        while not (status in self._hold.began or self._hold.done or self._is_followed(status)):
            answer = self._patiently(partial(self._hold.ask, self._together(status)))
            self._must_be_open(answer)
            if answer.claim == "taken":
                raise Unavailable("Another run has taken over")
            self._tell()

    def _together(self, status: str) -> tuple[str, ...]:
        """What begins at once: the status, and what follows it with no time in between."""
        announced = self._step.announced
        first = announced.index(status)
        return announced[first:] if self._means.pace == 0 and not self._may_fail else announced[first : first + 1]

    def _is_followed(self, status: str) -> bool:
        return any(RANK[each] > RANK[status] for each in self._hold.began)

    def _tell(self) -> None:
        while untold := list(self._hold.untold.items()):
            events = [build_stage_event(self._order, self._hold.began[status], run) for status, run in untold]
            # Said again in the name of the same run it is the same fact: this may be tried as often as it takes.
            count = self._patiently(partial(self._means.sidecar.publish, events))
            for status, _ in untold[:count]:
                self._hold.told(status)
                log.info(status, extra={"order": self._checked.order_id, "attempt": self._checked.attempt})

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._sleep(min(left, RENEW_SECONDS))
            late = time.monotonic() - self._hold.asked_at > RENEW_SECONDS and time.monotonic() < end
            if self._hold.charted and late:
                self._patiently(self._hold.ask)
                self._tell()

    def _sleep(self, seconds: float) -> None:
        if self._means.gate.stopping.wait(max(0.0, seconds)):
            raise Unavailable("This process is stopping")

    def _must_be_open(self, answer: ClaimAnswer) -> None:
        if answer.claim == "closed":
            raise Conflict("Order ", order_status=answer.status)

    def _give_back(self) -> None:
        try:
            self._hold.give_back()
        except Unavailable as error:
            log.warning("lease not given back, it will end: %s", error, extra={"order": self._checked.order_id})

    def _patiently(self, call: Callable[[], T]) -> T:
        stopping = self._means.gate.stopping
        return Retrying(
            retry=retry_if_exception_type(Unavailable),
            wait=wait_random_exponential(multiplier=0.1, max=PATIENCE_SECONDS),
            stop=stop_when_event_set(stopping),
            sleep=sleep_using_event(stopping),
            reraise=True,
        )(call)

    def _failed(self, stage: Stage) -> OrderJson:
        self._give_back()
        return {**self._answer(self._step.failed_status), "error": f"{stage.status} failed (PIZZASHOP_FAIL)"}

    def _answer(self, status: str) -> OrderJson:
        answer = {**self._order, "status": status}
        if self._checked.uid is None:
            return answer
        entries = [*self._checked.history, *self._hold.began.values()]
        history = [entry.model_dump(exclude_defaults=True) for entry in entries]
        return {**answer, "attempt": self._checked.attempt, "history": history}
