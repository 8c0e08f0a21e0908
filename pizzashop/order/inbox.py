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
from pizzashop.order.dead_letters import DeadLetters, Rejected
from pizzashop.order.lag import Lag
from pizzashop.order.records import Records

MAX_EVENT_DEPTH = MAX_DEPTH + 1
"""An order nested as deep as it may be is one deeper in its event."""
SUCCESS, RETRY, DROP = "SUCCESS", "RETRY", "DROP"
"""The answers that Dapr knows."""
PASSED_OVER = "PASSED_OVER"
"""A foreign event that was not even kept: nothing is left to do with it."""

log = logging.getLogger(__name__)


class Inbox:
    """Takes events in; an event that can never be applied becomes a dead letter."""

    def __init__(self, records: Records, dead_letters: DeadLetters) -> None:
        self._records, self._dead_letters = records, dead_letters
        self.lag = Lag()

    def take(self, cloud_events: list[Any]) -> list[str]:
        """Apply the events, all those of one order in one write.

        Answers SUCCESS, RETRY, DROP or PASSED_OVER for each.
        """
        answers = [SUCCESS] * len(cloud_events)
        rejected: dict[int, Rejected] = {}
        of_order: dict[str, list[tuple[int, StageEvent]]] = defaultdict(list)
        for place, cloud_event in enumerate(cloud_events):
            try:
                check(cloud_event, MAX_EVENT_DEPTH)
                event = read(cloud_event, now())
            except Invalid as error:
                rejected[place] = Rejected(cloud_event, str(error))
            else:
                of_order[event.order_id].append((place, event))
        outcomes = self._apply({order_id: [event for _, event in placed] for order_id, placed in of_order.items()})
        for order_id, placed in of_order.items():
            outcome = outcomes[order_id]
            for place, _ in placed:
                if isinstance(outcome, Broken):
                    rejected[place] = Rejected(cloud_events[place], str(outcome))
                elif isinstance(outcome, Unavailable):
                    answers[place] = RETRY
        for place, answer in zip(rejected, self._keep(list(rejected.values())), strict=True):
            answers[place] = answer
        return answers

    def _apply(self, of_order: dict[str, list[StageEvent]]) -> dict[str, list[StageEvent] | ShopError]:
        """Apply events by order, in one write; answers the news of each order, or why there is none."""
        try:
            hears = {order_id: partial(_hear, events=events) for order_id, events in of_order.items()}
            outcomes = self._records.change_many(hears, trusting=True)
        except Unavailable as error:
            outcomes = dict.fromkeys(of_order, error)
        _log_outcomes(outcomes)
        for outcome in outcomes.values():
            for news in outcome if isinstance(outcome, list) else ():
                self.lag.note(news.entry.at)
        return outcomes

    def _keep(self, rejected: list[Rejected]) -> list[str]:
        try:
            kept = self._dead_letters.keep(rejected) if rejected else []
        except Unavailable as error:
            log.warning("%d events not kept aside yet: %s", len(rejected), error)
            return [RETRY] * len(rejected)
        return [PASSED_OVER if event_id is None else DROP for event_id in kept]


def _log_outcomes(outcomes: dict[str, list[StageEvent] | ShopError]) -> None:
    """Log each new stage, each order whose events could not be applied, and all unknown orders in one line."""
    unknown = []
    for order_id, outcome in outcomes.items():
        if isinstance(outcome, list):
            for news in outcome:
                log.info(news.entry.status, extra={"order": order_id, "attempt": news.entry.attempt})
        elif isinstance(outcome, NotFound):
            # A step tried by hand, or an order that was deleted meanwhile: nothing is kept of it.
            unknown.append(order_id)
        else:
            log.warning("events not applied: %s", outcome, extra={"order": order_id})
    if unknown:
        log.info("events of %d orders that are not there, such as %s", len(unknown), unknown[0])


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
