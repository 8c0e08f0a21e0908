"""Events of the topic `orders` applied to the records: each once, however often and in whatever order."""

import binascii
import logging
import re
import time
from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any

from pizzashop.domain.events import StageEvent, read
from pizzashop.domain.history import seconds_since, utc_timestamp
from pizzashop.domain.record import Record
from pizzashop.errors import CorruptData, InvalidRequest, NotFound, ShopError, Unavailable
from pizzashop.order.dead_letters import DeadLetters, Rejected
from pizzashop.order.repository import Repository
from pizzashop.web.json_body import MAX_JSON_BYTES, MAX_JSON_DEPTH, check_json_limits, parse_json

Entries = list[tuple[Any, Any]]
"""Each event, after the id that Dapr wants its answer for."""

RAW = "application/octet-stream"
"""The content type of an event that the sidecar has not read: its bytes, in base64."""

# Match strings whole, so that brackets in them are ignored. A quote alone starts a string that is cut off.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|"|[\[\]{},]', re.DOTALL)
_START = re.compile(rb'\s*\{\s*"entries"\s*:\s*\[')
_ENTRY_ID = re.compile(rb'\s*\{\s*"entryId"\s*:\s*"([^"\\]{1,100})"')


def entries_in(raw: bytes) -> tuple[Any, Entries | None]:
    """Parse a request body: its content, and its entries if it is a bulk envelope, else None. Raises InvalidRequest."""
    try:
        content = parse_json(raw)
    except InvalidRequest:
        entries = _entries_by_text(raw)
        if entries is None:
            raise
        return None, entries
    entries = content.get("entries") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        return content, None
    rows: list[dict[str, Any]] = [each if isinstance(each, dict) else {} for each in entries]
    return content, [(row.get("entryId"), _event(row)) for row in rows]


def entries_in_start(raw: bytes) -> Entries | None:
    """The whole entries at the beginning of an envelope that is too large to be read; None where it is none.

    The sidecar delivers those again that have no answer: so the next delivery is smaller. An entry that is too large
    on its own is read as far as it goes, so that it does not come again for ever.
    """
    start = _START.match(raw)
    if start is None:
        return None
    array = raw[start.end() - 1 :]
    if whole := [_entry(text) for text in _parts(array) if text.strip()]:
        return whole
    entry_id = _ENTRY_ID.match(array, 1)
    return [(entry_id[1].decode(), _unreadable(array[1:], "It is too large"))] if entry_id else None


def _event(row: dict[str, Any]) -> Any:
    """The event of an entry, read from its bytes where the sidecar has not done that."""
    event = row.get("event")
    if row.get("contentType") != RAW or not isinstance(event, str):
        return event
    try:
        told = b64decode(event, validate=True)
    except binascii.Error:
        return event
    try:
        return parse_json(told)
    except InvalidRequest as error:
        return _unreadable(told, str(error))


def _unreadable(told: bytes, why: str) -> dict[str, str]:
    return {"unreadable": told[:MAX_JSON_BYTES].decode(errors="replace"), "why": why}


def _entries_by_text(raw: bytes) -> Entries | None:
    """Split an envelope that is not valid JSON into its entries by brackets and commas, then parse each one."""
    entries = _members(raw).get(b"entries", b"")
    return [_entry(text) for text in _parts(entries) if text.strip()] if entries.startswith(b"[") else None


def _entry(text: bytes) -> tuple[Any, Any]:
    members, row = _members(text), dict[str, Any]()
    try:
        for name in ("entryId", "contentType", "event"):
            row[name] = parse_json(members.get(name.encode(), b"null"))
    except InvalidRequest as error:
        # Keep the event's text only: the entry id differs at each delivery, and the event must be kept once.
        return row.get("entryId"), _unreadable(members.get(b"event", text), str(error))
    return row["entryId"], _event(row)


def _members(text: bytes) -> dict[bytes, bytes]:
    """The members of a JSON object as they are written, by name."""
    pairs = (part.partition(b":") for part in _parts(text))
    return {name.strip().strip(b'"'): value.strip() for name, _, value in pairs}


def _parts(text: bytes) -> Iterator[bytes]:
    """Yield the parts between the outermost brackets, split at the commas that are outside inner brackets."""
    depth = start = 0
    for token in _TOKEN.finditer(text):
        sign = token.group()
        if sign == b'"':
            return
        if sign in (b"]", b"}"):
            depth -= 1
        if (depth == 1 and sign == b",") or (depth == 0 and sign in (b"]", b"}")):
            yield text[start : token.start()]
            start = token.end()
        if sign in (b"[", b"{"):
            depth += 1
            start = token.end() if depth == 1 else start


MOST_SECONDS = 2.0
FRESH_SECONDS = 5.0
"""How long what was seen last counts: then the topic may be quiet."""
LONG_AGO_SECONDS = 120.0
"""What is older is not late: it is told again."""


class TopicLag:
    """Notes how old news are when they come in; what a record knows may be told again as late as it likes."""

    def __init__(self, most: float = MOST_SECONDS) -> None:
        self._most = most
        self._late_until = 0.0

    def note(self, at: str) -> None:
        """An event comes in that was published `at`."""
        late = self._most < seconds_since(at) < LONG_AGO_SECONDS
        self._late_until = time.monotonic() + FRESH_SECONDS if late else 0.0

    def check(self) -> None:
        """Raise Unavailable where the records are too far behind for new orders."""
        if time.monotonic() < self._late_until:
            raise Unavailable("The shop is behind with its orders: ask again in a moment")


MAX_EVENT_DEPTH = MAX_JSON_DEPTH + 1
"""An order nested as deep as it may be is one deeper in its event."""
SUCCESS, RETRY, DROP = "SUCCESS", "RETRY", "DROP"
"""The answers that Dapr knows."""
PASSED_OVER = "PASSED_OVER"
"""A foreign event that was not even kept: nothing is left to do with it."""

log = logging.getLogger(__name__)


class Inbox:
    """Takes events in; an event that can never be applied becomes a dead letter."""

    def __init__(self, records: Repository, dead_letters: DeadLetters) -> None:
        self._records, self._dead_letters = records, dead_letters
        self.lag = TopicLag()

    def take(self, cloud_events: list[Any]) -> list[str]:
        """Apply the events, all those of one order in one write.

        Answers SUCCESS, RETRY, DROP or PASSED_OVER for each.
        """
        answers = [SUCCESS] * len(cloud_events)
        rejected: dict[int, Rejected] = {}
        of_order: dict[str, list[tuple[int, StageEvent]]] = defaultdict(list)
        for place, cloud_event in enumerate(cloud_events):
            try:
                check_json_limits(cloud_event, MAX_EVENT_DEPTH)
                event = read(cloud_event, utc_timestamp())
            except InvalidRequest as error:
                rejected[place] = Rejected(cloud_event, str(error))
            else:
                of_order[event.order_id].append((place, event))
        outcomes = self._apply({order_id: [event for _, event in placed] for order_id, placed in of_order.items()})
        for order_id, placed in of_order.items():
            outcome = outcomes[order_id]
            for place, _ in placed:
                if isinstance(outcome, CorruptData):
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
    ours.sort(key=lambda event: event.entry.rank)
    news = [event for event in ours if record.apply_stages([event.entry])]
    for event in ours:
        record.release_lease_after(event.entry, event.run)
    return news
