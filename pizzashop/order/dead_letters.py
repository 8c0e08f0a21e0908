"""Dead letters: events that could not be applied, kept so that operators can look at them, replay or drop them.

Events of orders of this shop are all kept, up to a limit; beyond it the oldest is dropped. Other programs may publish
on the topic too. Of their (foreign) events the shop keeps samples, at a limited rate and in a separate list, so they
never displace its own.
"""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from pizzashop.dapr.sidecar import Sidecar, Write
from pizzashop.domain.events import find_order_id
from pizzashop.domain.history import utc_timestamp
from pizzashop.domain.requests import DigitsOnly, Request
from pizzashop.errors import NotFound
from pizzashop.order.index import StoredList
from pizzashop.order.repository import Repository

# How many events of this shop's orders are kept, and how many foreign ones.
MAX_OWN = 1000
MAX_FOREIGN = 100
# How many foreign events are kept in a burst, and after how many seconds another one is.
FOREIGN_BURST = 40
FOREIGN_SECONDS = 3.0
# How often the log says how many foreign events were not kept.
REPORT_SECONDS = 60.0
MAX_LETTERS_PER_PAGE = 100
# The largest order that a client may send makes an event of about 400 kB when every character is escaped.
MAX_EVENT_CHARS = 512 * 1024

log = logging.getLogger(__name__)


class DeadLetterSummary(BaseModel):
    """An event that is kept: since when, why (None: it has just been applied), and of which order if it names one."""

    id: str
    at: str
    reason: str | None
    order_id: str | None


class DeadLetterPage(BaseModel):
    """Dead letters, newest first; `next` is the `after` of the next page, null on the last one."""

    events: list[DeadLetterSummary]
    next: str | None


class DeadLetterDetails(DeadLetterSummary):
    """A dead letter with its event, as it came."""

    event: Any


class ReplayResult(DeadLetterSummary):
    """Whether a dead letter was applied; if not, `reason` says why."""

    replayed: bool


class ReplayPage(BaseModel):
    """The results of one page; `next` is the `after` of the next page, null on the last one."""

    events: list[ReplayResult]
    next: str | None


class DeadLetter(BaseModel):
    """A dead letter as it is stored. Ids sort by time."""

    # Keep the event as it came, also with numbers that JSON does not allow.
    model_config = ConfigDict(ser_json_inf_nan="constants")

    id: str
    at: str
    reason: str
    event: Any

    def summary(self) -> DeadLetterSummary:
        """Return what a list shows of it."""
        return DeadLetterSummary(id=self.id, at=self.at, reason=self.reason, order_id=find_order_id(self.event))

    def details(self) -> DeadLetterDetails:
        """Return the summary and the event, with null for numbers that JSON does not allow."""
        event = json.loads(to_json(self.event, inf_nan_mode="null"))
        return DeadLetterDetails(**dict(self.summary()), event=event)


class DeadLetterQuery(Request):
    """A page of the dead letters; `after` is the `next` of the page before."""

    limit: Annotated[int, Field(ge=1, le=MAX_LETTERS_PER_PAGE, strict=False), DigitsOnly] = 50
    after: Annotated[str, Field(max_length=64)] | None = None


@dataclass(frozen=True)
class UnappliedEvent:
    """An event that could not be applied, and why."""

    event: Any
    reason: str

    @cached_property
    def digest(self) -> str:
        """The identity of the event: it is the same at each delivery, so the event is kept once."""
        return sha256(json.dumps(self.event, sort_keys=True).encode()).hexdigest()[:12]


class DeadLetters:
    """The kept events: at most `max_own` of the shop's own and `max_foreign` others.

    An id is in a list before its event is stored, and until the event is removed. So the lists name all stored events.
    """

    def __init__(
        self, sidecar: Sidecar, repository: Repository, max_own: int = MAX_OWN, max_foreign: int = MAX_FOREIGN
    ) -> None:
        self._sidecar, self._repository = sidecar, repository
        # The keys keep the names that earlier releases gave them.
        self._own = _IdList(StoredList(sidecar, "aside_list"), max_own)
        self._foreign = _IdList(StoredList(sidecar, "aside_foreign"), max_foreign)
        self._foreign_rate = _TokenBucket(FOREIGN_BURST, FOREIGN_SECONDS)

    def keep(self, unapplied: Sequence[UnappliedEvent]) -> list[str | None]:
        """Keep events and return the id of each, None for a foreign event that was not kept.

        An event that is kept already gets the new reason, and stays the same otherwise. Raise Unavailable when the
        store cannot be reached: then none of the events counts as kept.
        """
        named = {order_id for each in unapplied if (order_id := find_order_id(each.event)) is not None}
        known = self._repository.find_with_deleted(sorted(named)).keys()
        own = [each for each in unapplied if find_order_id(each.event) in known]
        foreign = [each for each in unapplied if find_order_id(each.event) not in known]
        ids = {**self._keep_in(self._own, own), **self._keep_in(self._foreign, self._sample(foreign))}
        _log_kept(own, foreign, ids)
        return [ids.get(each.digest) for each in unapplied]

    def page(self, query: DeadLetterQuery) -> tuple[list[DeadLetter], str | None]:
        """Return a page, newest first, and the `after` of the next page, None when it is the last."""
        ids = [each for each in reversed(self._ids()) if query.after is None or each < query.after]
        page = ids[: query.limit]
        found = self._sidecar.load_many([_key(each) for each in page])
        letters = [DeadLetter.model_validate_json(stored.value) for stored in found if stored.value]
        return letters, page[-1] if len(ids) > len(page) else None

    def get(self, event_id: str) -> DeadLetter:
        """Return a dead letter. Raise NotFound when there is none."""
        value = self._sidecar.load(_key(event_id)).value if event_id in self._ids() else None
        if not value:
            raise NotFound("Event not found")
        return DeadLetter.model_validate_json(value)

    def drop(self, event_id: str) -> None:
        """Remove a dead letter. Idempotent."""
        if event_id in self._ids():
            self._sidecar.delete(_key(event_id))
            for each in (self._own, self._foreign):
                each.remove(event_id)

    def count_by_origin(self) -> dict[str, int]:
        """Count the kept events of this shop's orders, `own`, and the `foreign` ones."""
        return {"own": len(self._own.read()), "foreign": len(self._foreign.read())}

    def _ids(self) -> list[str]:
        return sorted([*self._own.read(), *self._foreign.read()])

    def _sample(self, foreign: Sequence[UnappliedEvent]) -> list[UnappliedEvent]:
        """Return the foreign events that are kept already, and as many new ones as the rate allows."""
        digests = {_digest_of(each) for each in self._foreign.read()} if foreign else set()
        known = [each for each in foreign if each.digest in digests]
        new = [each for each in foreign if each.digest not in digests]
        return known + new[: self._foreign_rate.take(len(new))]

    def _keep_in(self, target: "_IdList", unapplied: Sequence[UnappliedEvent]) -> dict[str, str]:
        """Keep events in one list. Return their ids by digest."""
        if not unapplied:
            return {}
        at, by_digest = utc_timestamp(), {each.digest: each for each in unapplied}
        ids, surplus = target.add(at, list(by_digest))
        self._store(at, {ids[digest]: each for digest, each in by_digest.items()})
        for each in surplus:
            log.error("too many dead letters: the oldest, %s, is dropped", each)
            self.drop(each)
        return ids

    def _store(self, at: str, by_id: dict[str, UnappliedEvent]) -> None:
        stored = self._sidecar.load_many([_key(each) for each in by_id])
        writes = []
        for (event_id, each), present in zip(by_id.items(), stored, strict=True):
            since = DeadLetter.model_validate_json(present.value).at if present.value else at
            letter = DeadLetter(id=event_id, at=since, reason=each.reason, event=_truncate(each.event))
            writes.append(Write(_key(event_id), letter.model_dump_json(), present.etag))
        # A refused write met another delivery of the same event, which has stored it.
        self._sidecar.save_many(writes)


class _IdList:
    """The ids of kept events, oldest first, and how many there may be. An id is a timestamp and the event's digest."""

    def __init__(self, ids: StoredList, max_ids: int) -> None:
        self._ids, self._max_ids = ids, max_ids
        self.read = ids.read

    def add(self, at: str, digests: Sequence[str]) -> tuple[dict[str, str], list[str]]:
        """Add ids for events that are new at this time. Return all ids by digest, and those beyond the limit."""
        stamp = f"{datetime.fromisoformat(at):%Y%m%dT%H%M%S%f}"

        def add(ids: list[str]) -> list[str]:
            present = {_digest_of(each) for each in ids}
            return sorted([*ids, *(f"{stamp}-{digest}" for digest in digests if digest not in present)])

        ids = self._ids.update(add)
        return {_digest_of(each): each for each in ids}, ids[: -self._max_ids]

    def remove(self, event_id: str) -> None:
        """Remove an id. Idempotent."""
        self._ids.update(lambda ids: [each for each in ids if each != event_id])


class _TokenBucket:
    """A rate limit: `burst` tokens, and a new one every `seconds`. Logs now and then how many it refused."""

    def __init__(self, burst: int, seconds: float) -> None:
        self._burst, self._seconds = burst, seconds
        self._tokens, self._filled_at = float(burst), time.monotonic()
        self._refused, self._reported_at = 0, -REPORT_SECONDS

    def take(self, count: int) -> int:
        """Take up to `count` tokens. Return how many."""
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) / self._seconds)
        self._filled_at = now
        taken = min(count, int(self._tokens))
        self._tokens -= taken
        self._refused += count - taken
        if self._refused and now - self._reported_at >= REPORT_SECONDS:
            log.warning("%d foreign events (of no order of this shop) were not kept", self._refused)
            self._refused, self._reported_at = 0, now
        return taken


def _log_kept(own: Sequence[UnappliedEvent], foreign: Sequence[UnappliedEvent], ids: dict[str, str]) -> None:
    """Log a line for each event of the shop's own, and one for all foreign events."""
    for each in own:
        order_id = find_order_id(each.event)
        extra = {"order": order_id} if order_id else {}
        log.error("event kept as dead letter %s: %s", ids[each.digest], each.reason, extra=extra)
    kept = [each for each in foreign if each.digest in ids]
    if kept:
        more = f" (and {len(kept) - 1} more foreign events)" if len(kept) > 1 else ""
        log.error("event kept as dead letter %s: %s%s", ids[kept[0].digest], kept[0].reason, more)


def _digest_of(event_id: str) -> str:
    return event_id.rpartition("-")[2]


def _truncate(event: Any) -> Any:
    """Return the event, or the beginning of its text when the store would refuse a value of that size."""
    text = json.dumps(event)
    return event if len(text) <= MAX_EVENT_CHARS else {"unreadable": text[:MAX_EVENT_CHARS], "why": "It is too large"}


def _key(event_id: str) -> str:
    return f"aside_event_{event_id}"
