"""Events of the topic `orders` applied to the records: each once, however often and in whatever order."""

import logging
from collections import defaultdict
from functools import partial
from typing import Any

from pizzashop.body import MAX_DEPTH, check
from pizzashop.domain.errors import Broken, Invalid, NotFound, ShopError, Unavailable
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
        outcomes = self._apply({order_id: [event for _, event in placed] for order_id, placed in of_order.items()})
        for order_id, placed in of_order.items():
            for place, _ in placed:
                outcome = outcomes[order_id]
                if isinstance(outcome, Broken):
                    answers[place] = self._put_aside(cloud_events[place], str(outcome))
                elif isinstance(outcome, Unavailable):
                    answers[place] = RETRY
        return answers

    def _apply(self, of_order: dict[str, list[StageEvent]]) -> dict[str, list[StageEvent] | ShopError]:
        """Apply events by order, in one write; answers the news of each order, or why there is none."""
        try:
            hears = {order_id: partial(_hear, events=events) for order_id, events in of_order.items()}
            outcomes = self._records.change_many(hears, trusting=True)
        except Unavailable as error:
            outcomes = dict.fromkeys(of_order, error)
        for order_id, outcome in outcomes.items():
            _tell(order_id, outcome)
            for news in outcome if isinstance(outcome, list) else ():
                self.lag.note(news.entry.at)
        return outcomes

    def _put_aside(self, cloud_event: Any, reason: str) -> str:
        try:
            event_id = self._aside.keep(cloud_event, reason)
        except Unavailable as error:
            log.warning("event not kept aside yet: %s", error)
            return RETRY
        log.error("event kept aside as %s: %s", event_id, reason)
        return DROP


def _tell(order_id: str, outcome: list[StageEvent] | ShopError) -> None:
    if isinstance(outcome, list):
        for told in outcome:
            log.info(told.entry.status, extra={"order": order_id, "attempt": told.entry.attempt})
    elif isinstance(outcome, NotFound):
        # A step tried by hand, or an order that was deleted meanwhile: nothing is kept of it.
        log.info("event of an order that is not there", extra={"order": order_id})
    else:
        log.warning("events wait: %s", outcome, extra={"order": order_id})


def _hear(record: Record, events: list[StageEvent]) -> list[StageEvent]:
    """Those of the events that were news to the record."""
    ours = [event for event in events if event.uid in (None, record.uid)]
    if not ours:
        raise NotFound("This order was deleted, and another has its id")
    ours.sort(key=lambda event: event.entry.place)
    news = [event for event in ours if record.hear([event.entry])]
    for event in ours:
        record.let_go(event.entry, event.run)
    return news
