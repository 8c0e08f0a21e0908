"""Take in events of the topic `orders`: read what Dapr delivers, and apply each event to the record of its order.

An event has the same effect however often and in whatever order it is delivered. One that can never be applied becomes
a dead letter. Dapr delivers up to a hundred events in one request, a bulk; one unreadable event must not stop the rest.
"""

import binascii
import logging
import re
from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any

from pizzashop import tracing
from pizzashop.domain.events import StageEvent, parse_event
from pizzashop.domain.history import utc_timestamp
from pizzashop.domain.record import Record
from pizzashop.errors import CorruptData, InvalidRequest, NotFound, ShopError, Unavailable
from pizzashop.metrics import OrderMetrics
from pizzashop.order.dead_letters import DeadLetters, UnappliedEvent
from pizzashop.order.repository import Repository
from pizzashop.roles import TOPIC
from pizzashop.web.json_body import MAX_JSON_BYTES, MAX_JSON_DEPTH, check_json_limits, parse_json

# An order may be nested as deeply as a client may send it; in its event it is one level deeper.
MAX_EVENT_DEPTH = MAX_JSON_DEPTH + 1
# The statuses that Dapr knows.
SUCCESS, RETRY, DROP = "SUCCESS", "RETRY", "DROP"
# A foreign event that was not even kept as a dead letter.
IGNORED = "IGNORED"
# The result in the metrics for each status of an event that could not be applied.
_UNAPPLIED_RESULTS = {DROP: "dead", RETRY: "retry", IGNORED: "ignored"}

# The content type of an event that the sidecar did not parse: its bytes in base64.
_RAW_CONTENT_TYPE = "application/octet-stream"
# Match whole strings, so that brackets in them are ignored. A single quote mark starts a string that is cut off.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|"|[\[\]{},]', re.DOTALL)
_BULK_START = re.compile(rb'\s*\{\s*"entries"\s*:\s*\[')
_ENTRY_ID = re.compile(rb'\s*\{\s*"entryId"\s*:\s*"([^"\\]{1,100})"')

# The events of a bulk, each with the id that Dapr expects in the answer.
BulkEntries = list[tuple[Any, Any]]

log = logging.getLogger(__name__)


class Inbox:
    """Applies events to the records."""

    def __init__(self, repository: Repository, dead_letters: DeadLetters, metrics: OrderMetrics | None = None) -> None:
        self._repository, self._dead_letters = repository, dead_letters
        self._metrics = metrics or OrderMetrics()

    def apply(self, cloud_events: list[Any]) -> list[str]:
        """Apply events, all those of one order in one write. Return SUCCESS, RETRY, DROP or IGNORED for each."""
        statuses = [SUCCESS] * len(cloud_events)
        unapplied: dict[int, UnappliedEvent] = {}
        by_order: dict[str, list[tuple[int, StageEvent]]] = defaultdict(list)
        for number, cloud_event in enumerate(cloud_events):
            try:
                check_json_limits(cloud_event, MAX_EVENT_DEPTH)
                event = parse_event(cloud_event, utc_timestamp())
            except InvalidRequest as error:
                unapplied[number] = UnappliedEvent(cloud_event, str(error))
            else:
                by_order[event.order_id].append((number, event))
        results = self._apply_to_records(
            {order_id: [event for _, event in events] for order_id, events in by_order.items()}
        )
        for order_id, events in by_order.items():
            result = results[order_id]
            self._count_events(len(events), result)
            for number, _ in events:
                if isinstance(result, CorruptData):
                    unapplied[number] = UnappliedEvent(cloud_events[number], str(result))
                elif isinstance(result, Unavailable):
                    statuses[number] = RETRY
        for number, status in zip(unapplied, self._keep(list(unapplied.values())), strict=True):
            statuses[number] = status
            self._metrics.events(_UNAPPLIED_RESULTS[status]).inc()
        return statuses

    def _count_events(self, total: int, result: list[StageEvent] | ShopError) -> None:
        """Count the `total` events of one order, except those that could not be applied: `apply` counts them."""
        if isinstance(result, list):
            self._metrics.events("new").inc(len(result))
            self._metrics.events("repeated").inc(total - len(result))
        elif isinstance(result, Unavailable):
            self._metrics.events("retry").inc(total)
        elif not isinstance(result, CorruptData):
            self._metrics.events("unknown").inc(total)

    def _apply_to_records(self, by_order: dict[str, list[StageEvent]]) -> dict[str, list[StageEvent] | ShopError]:
        """Apply events to their records in one write. Return the new ones of each order, or why there are none."""
        changes = {order_id: partial(_apply_events, events=events) for order_id, events in by_order.items()}
        members = [_to_member(event) for events in by_order.values() for event in events]
        try:
            with tracing.member_spans("apply event", members, "consumer"):
                results = self._repository.change_many(changes, accept_cached_no_change=True)
        except Unavailable as error:
            results = dict.fromkeys(by_order, error)
        _log_results(results)
        return results

    def _keep(self, unapplied: list[UnappliedEvent]) -> list[str]:
        try:
            ids = self._dead_letters.keep(unapplied) if unapplied else []
        except Unavailable as error:
            log.warning("%d dead letters could not be stored, Dapr delivers them again: %s", len(unapplied), error)
            return [RETRY] * len(unapplied)
        return [IGNORED if event_id is None else DROP for event_id in ids]


def parse_delivery(raw: bytes) -> tuple[Any, BulkEntries | None]:
    """Parse what Dapr delivers. Return its content, and its entries when it is a bulk.

    Raise InvalidRequest when it is neither JSON nor a bulk that can be split into entries.
    """
    try:
        content = parse_json(raw)
    except InvalidRequest:
        entries = _split_bulk(raw)
        if entries is None:
            raise
        return None, entries
    entries = content.get("entries") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        return content, None
    rows: list[dict[str, Any]] = [each if isinstance(each, dict) else {} for each in entries]
    return content, [(row.get("entryId"), _event_of(row)) for row in rows]


def parse_truncated_bulk(raw: bytes) -> BulkEntries | None:
    """Return the complete entries at the beginning of a bulk that is too large; None when it is not a bulk.

    Dapr delivers the entries without an answer again, so the next bulk is smaller. When even the first entry is
    incomplete, it becomes an unreadable event: otherwise Dapr would deliver it again without end.
    """
    start = _BULK_START.match(raw)
    if start is None:
        return None
    array = raw[start.end() - 1 :]
    if entries := [_parse_entry(text) for text in _split(array) if text.strip()]:
        return entries
    entry_id = _ENTRY_ID.match(array, 1)
    return [(entry_id[1].decode(), _unreadable(array[1:], "It is too large"))] if entry_id else None


def _event_of(row: dict[str, Any]) -> Any:
    """Return the event of an entry, parsed when the sidecar did not parse it."""
    event = row.get("event")
    if row.get("contentType") != _RAW_CONTENT_TYPE or not isinstance(event, str):
        return event
    try:
        raw = b64decode(event, validate=True)
    except binascii.Error:
        return event
    try:
        return parse_json(raw)
    except InvalidRequest as error:
        return _unreadable(raw, str(error))


def _unreadable(raw: bytes, why: str) -> dict[str, str]:
    return {"unreadable": raw[:MAX_JSON_BYTES].decode(errors="replace"), "why": why}


def _split_bulk(raw: bytes) -> BulkEntries | None:
    """Split a bulk that is not valid JSON into its entries by brackets and commas, then parse each one."""
    entries = _members(raw).get(b"entries", b"")
    return [_parse_entry(text) for text in _split(entries) if text.strip()] if entries.startswith(b"[") else None


def _parse_entry(text: bytes) -> tuple[Any, Any]:
    members, row = _members(text), dict[str, Any]()
    try:
        for name in ("entryId", "contentType", "event"):
            row[name] = parse_json(members.get(name.encode(), b"null"))
    except InvalidRequest as error:
        # Keep only the text of the event: the entry id differs at each delivery, and the event must be kept once.
        return row.get("entryId"), _unreadable(members.get(b"event", text), str(error))
    return row["entryId"], _event_of(row)


def _members(text: bytes) -> dict[bytes, bytes]:
    """Return the members of a JSON object by name, as they are written."""
    pairs = (part.partition(b":") for part in _split(text))
    return {name.strip().strip(b'"'): value.strip() for name, _, value in pairs}


def _split(text: bytes) -> Iterator[bytes]:
    """Yield the parts between the outermost brackets, split at the commas that are not inside inner brackets."""
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


def _apply_events(record: Record, events: list[StageEvent]) -> list[StageEvent]:
    """Add the stages of events to a record. Return the events that were new.

    Raise NotFound when all of them are about a deleted order that had the id before.
    """
    own = [event for event in events if event.uid in (None, record.uid)]
    if not own:
        raise NotFound("This order was deleted, and another has its id")
    own.sort(key=lambda event: event.entry.rank)
    new = [event for event in own if record.apply_stages([event.entry])]
    for event in own:
        record.release_lease_after(event.entry, event.run)
    return new


def _to_member(event: StageEvent) -> tracing.Member:
    attributes = {"messaging.destination.name": TOPIC, "pizzashop.status": event.entry.status}
    return tracing.Member(event.traceparent, event.order_id, attributes)


def _log_results(results: dict[str, list[StageEvent] | ShopError]) -> None:
    """Log each new stage, each order whose events could not be applied, and all unknown orders in one line."""
    unknown = []
    for order_id, result in results.items():
        if isinstance(result, list):
            for event in result:
                log.info(event.entry.status, extra={"order": order_id, "attempt": event.entry.attempt})
        elif isinstance(result, NotFound):
            # A step that somebody tried by hand, or an order that was deleted meanwhile: there is nothing to keep.
            unknown.append(order_id)
        else:
            next_step = "they become dead letters" if isinstance(result, CorruptData) else "Dapr delivers them again"
            log.warning("events could not be applied, %s: %s", next_step, result, extra={"order": order_id})
    if unknown:
        extra = {"order": unknown[0]}
        log.info("ignored the events of %d unknown orders, such as this one", len(unknown), extra=extra)
