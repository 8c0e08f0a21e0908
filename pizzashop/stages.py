"""What storefront, kitchen and delivery share: do one step of one order, stage by stage, each stage once."""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import uuid4

from tenacity import Retrying, retry_if_exception_type, stop_when_event_set, wait_random_exponential
from tenacity.nap import sleep_using_event

from pizzashop.domain.claims import Answer, Claim
from pizzashop.domain.errors import Conflict, Unavailable
from pizzashop.domain.events import stage_event
from pizzashop.domain.history import Entry, now, seconds_since
from pizzashop.domain.order import RANK, Stage, Step
from pizzashop.domain.requests import StepOrder
from pizzashop.means import Means
from pizzashop.roles import ORDER

FRESH_SECONDS = 0.2  # how old a claim's answer may be when a stage begins: at real pace each stage asks first
RENEW_SECONDS = 3.0  # how often a long stage renews its lease
JOIN_SECONDS = 0.25  # how long to wait before asking again for a step that another run has
PATIENCE_SECONDS = 2.0  # the longest pause between two tries, while something is away

log = logging.getLogger(__name__)

Order = dict[str, Any]
T = TypeVar("T")


def do_step(step: Step, order: Order, means: Means) -> Order:
    """Do `step` for the order sent along; answers the order with the status that the step ended with.

    Raises Invalid for an order that makes no sense, Conflict where the record says that the step is not to be done,
    and Unavailable where something needed is away.
    """
    checked = StepOrder.parse(order)
    with means.gate:
        return _Run(step, order, checked, means).go()


class _Run:
    """One execution of a step for one order."""

    def __init__(self, step: Step, order: Order, checked: StepOrder, means: Means) -> None:
        self._step, self._order, self._checked, self._means = step, order, checked, means
        self._id = uuid4().hex
        self._began: dict[str, Entry] = {}
        self._asked_at = 0.0
        self._charted = True

    def go(self) -> Order:
        self._begin()
        try:
            for stage in self._step.stages:
                self._do(stage)
                if self._means.fail and self._is_to_fail(stage):
                    return self._failed(stage)
            if self._step.done_status not in self._began:
                self._announce(self._step.done_status)
        except Unavailable:
            self._give_back()
            raise
        return self._answer(self._step.done_status)

    def _begin(self) -> None:
        while (answer := self._claim()).claim == "taken":
            # Another run is at it: this one waits for its end, and then finds the step done.
            self._sleep(min(JOIN_SECONDS, answer.seconds))
        if answer.claim == "closed":
            raise Conflict(f"Order {self._checked.order_id} is closed: {answer.error}", order_status=answer.status)
        self._charted = answer.claim == "granted"
        self._began = {entry.status: entry for entry in answer.began}

    def _do(self, stage: Stage) -> None:
        if any(RANK[status] > RANK[stage.status] for status in self._began):
            return
        if stage.status not in self._began:
            self._ask_first()
            self._announce(stage.status)
            self._wait(stage.seconds * self._means.pace)
        else:
            began = self._began[stage.status]
            self._wait(stage.seconds * self._means.pace - seconds_since(began.at))

    def _announce(self, status: str) -> None:
        entry = Entry(status=status, attempt=self._checked.attempt, at=now())
        event = stage_event(self._order, entry, self._id)
        # Said again by the same run it is the same fact: this may be tried as often as it takes.
        self._patiently(lambda: self._means.sidecar.publish(event))
        self._began[status] = entry
        log.info(status, extra={"order": self._checked.order_id, "attempt": self._checked.attempt})

    def _ask_first(self) -> None:
        if not self._charted or time.monotonic() - self._asked_at < FRESH_SECONDS:
            return
        answer = self._patiently(self._claim)
        if answer.claim == "closed":
            raise Conflict(f"Order {self._checked.order_id} is closed: {answer.error}", order_status=answer.status)
        if answer.claim == "taken":
            raise Unavailable("Another run has taken over")

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._sleep(min(left, RENEW_SECONDS))
            if self._charted and time.monotonic() - self._asked_at > RENEW_SECONDS and time.monotonic() < end:
                self._patiently(self._claim)

    def _sleep(self, seconds: float) -> None:
        if self._means.gate.stopping.wait(max(0.0, seconds)):
            raise Unavailable("This process is stopping")

    def _claim(self, *, release: bool = False) -> Answer:
        claim = Claim(
            step=self._step.name,
            attempt=self._checked.attempt,
            run=self._id,
            uid=self._checked.uid,
            history=[*self._checked.history, *self._began.values()],
            release=release,
        )
        path = f"/order/{self._checked.order_id}/claim"
        content = claim.model_dump(exclude_none=True)
        answer = Answer.parse(self._means.sidecar.invoke(ORDER, "POST", path, content))
        self._asked_at = time.monotonic()
        return answer

    def _give_back(self) -> None:
        if not self._charted:
            return
        try:
            self._claim(release=True)
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

    def _is_to_fail(self, stage: Stage) -> bool:
        status, _, prefix = self._means.fail.partition(":")
        return stage.status == status and self._checked.order_id.startswith(prefix)

    def _failed(self, stage: Stage) -> Order:
        self._give_back()
        return {**self._answer(self._step.failed_status), "error": f"{stage.status} failed (PIZZASHOP_FAIL)"}

    def _answer(self, status: str) -> Order:
        answer = {**self._order, "status": status}
        if self._checked.uid is None:
            return answer
        entries = [*self._checked.history, *self._began.values()]
        history = [entry.model_dump(exclude_defaults=True) for entry in entries]
        return {**answer, "attempt": self._checked.attempt, "history": history}
