"""Events of the topic `orders` applied to the records: each once, however often and in whatever order."""

import logging
import time
from collections import defaultdict
from typing import Any

from pizzashop.body import MAX_DEPTH, check
from pizzashop.domain.claims import LEASE_SECONDS
from pizzashop.domain.errors import Broken, Invalid, NotFound, Unavailable
from pizzashop.domain.events import StageEvent, read
from pizzashop.domain.history import now
from pizzashop.domain.record import Record
from pizzashop.order.aside import Aside
from pizzashop.order.lag import Lag
from pizzashop.order.records import Records

MAX_EVENT_DEPTH = MAX_DEPTH + 1
"""An order nested as deep as it may be is one deeper in its event."""
SUCCESS, RETRY, DROP = "SUCCESS", "RETRY", "DROP"

log = logging.getLogger(__name__)


class Inbox:
    """Takes events in; one that can never be applied is kept aside, where it can be looked at."""

    def __init__(self, records: Records, aside: Aside) -> None:
        self._records, self._aside = records, aside
        self.lag = Lag()

    def take(self, cloud_events: list[Any]) -> list[str]:
        """Apply the events, all those of one order in one write; answers SUCCESS, RETRY or DROP for each."""
        answers = [SUCCESS] * len(cloud_events)
        of_order: dict[str, list[tuple[int, StageEvent]]] = defaultdict(list)
        for place, cloud_event in enumerate(cloud_events):
            try:
                check(cloud_event, MAX_EVENT_DEPTH)
                event = read(cloud_event, now())
            except Invalid as error:
                answers[place] = self._put_aside(cloud_event, str(error))
            else:
                of_order[event.order_id].append((place, event))
                self.lag.note(event.entry.at)
        for order_id, placed in of_order.items():
            try:
                if not self._apply(order_id, [event for _, event in placed]):
                    answers = [RETRY if n in dict(placed) else answer for n, answer in enumerate(answers)]
            except Broken as error:
                for place, _ in placed:
                    answers[place] = self._put_aside(cloud_events[place], str(error))
        return answers

    def _apply(self, order_id: str, events: list[StageEvent]) -> bool:
        try:
            for told in self._records.change(order_id, lambda record: _hear(record, events)):
                log.info(told.entry.status, extra={"order": order_id, "attempt": told.entry.attempt})
        except NotFound:
            # A step tried by hand, or an order that was deleted meanwhile: nothing is kept of it.
            log.info("event of an order that is not there", extra={"order": order_id})
        except Unavailable as error:
            log.warning("events wait: %s", error, extra={"order": order_id})
            return False
        return True

    def _put_aside(self, cloud_event: Any, reason: str) -> str:
        try:
            event_id = self._aside.keep(cloud_event, reason)
        except Unavailable as error:
            log.warning("event not kept aside yet: %s", error)
            return RETRY
        log.error("event kept aside as %s: %s", event_id, reason)
        return DROP


def _hear(record: Record, events: list[StageEvent]) -> list[StageEvent]:
    """Those of the events that were news to the record."""
    until = time.time() + LEASE_SECONDS
    ours = [event for event in events if event.uid in (None, record.uid)]
    ours.sort(key=lambda event: event.entry.place)
    return [event for event in ours if record.hear([event.entry], event.run, until)]
