"""Dead letters: events that could not be applied, kept so that operators can look at them, replay or drop them.

Events that name an order of this shop are all kept, up to a limit; beyond it the oldest is dropped. Other programs may
publish on the topic too. Of their (foreign) events the shop keeps samples, at a limited rate and in a separate list, so
that they never push out the shop's own.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from pizzashop.dapr.sidecar import Sidecar, Write
from pizzashop.domain.events import find_order_id
from pizzashop.domain.history import utc_timestamp
from pizzashop.domain.requests import DigitsOnly, Request
from pizzashop.errors import NotFound
from pizzashop.order.index import StoredList
from pizzashop.order.repository import Repository

MAX_OWN = 1000
MAX_FOREIGN = 100
FOREIGN_BURST = 40
"""How many foreign events in a burst are kept."""
FOREIGN_SECONDS = 3.0
"""After such a burst, one foreign event is kept in this time."""
REPORT_SECONDS = 60.0
"""How often the log says how many foreign events were not kept."""
MAX_LIMIT = 100
MAX_EVENT_CHARS = 512 * 1024
"""The largest order that a client may send is an event of about 400 kB when every character is escaped."""

log = logging.getLogger(__name__)


class DeadLetter(BaseModel):
    """An event that is kept, since when and why; `id` sorts by the time."""

    model_config = ConfigDict(ser_json_inf_nan="constants")  # kept as it came, also where that is not valid JSON

    id: str
    at: str
    reason: str
    event: Any

    @property
    def shown(self) -> dict[str, Any]:
        """All of it, as JSON can say it."""
        return {**self.row, "event": json.loads(to_json(self.event, inf_nan_mode="null"))}

    @property
    def row(self) -> dict[str, Any]:
        """What a list says of it; `order_id` where the event names one."""
        return {"id": self.id, "at": self.at, "reason": self.reason, "order_id": find_order_id(self.event)}


@dataclass(frozen=True)
class Rejected:
    """An event that could not be applied, and why."""

    event: Any
    reason: str

    @cached_property
    def digest(self) -> str:
        """The same for each delivery of the same event, so that it is kept once."""
        return sha256(json.dumps(self.event, sort_keys=True).encode()).hexdigest()[:12]


class Query(Request):
    """Which page of the dead letters; `after` is the `next` of the page before."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, strict=False), DigitsOnly] = 50
    after: Annotated[str, Field(max_length=64)] | None = None


class DeadLetters:
    """The kept events: at most `max_own` of the shop's own and `max_foreign` others; beyond that the oldest goes.

    An id is in a list before its event is stored, and until the event is removed: so a list names all that is stored.
    """

    def __init__(
        self, sidecar: Sidecar, records: Repository, max_own: int = MAX_OWN, max_foreign: int = MAX_FOREIGN
    ) -> None:
        self._sidecar, self._records = sidecar, records
        self._own = _List(StoredList(sidecar, "aside_list"), max_own)
        self._foreign = _List(StoredList(sidecar, "aside_foreign"), max_foreign)
        self._budget = _Budget(FOREIGN_BURST, FOREIGN_SECONDS)

    def keep(self, rejected: Sequence[Rejected]) -> list[str | None]:
        """Keep these events; answers the id of each, None for a foreign event that was not kept.

        An event that is kept already stays as it is, except for the reason. Raises Unavailable.
        """
        named = {order_id for each in rejected if (order_id := find_order_id(each.event)) is not None}
        known = self._records.stored(sorted(named)).keys()
        own = [each for each in rejected if find_order_id(each.event) in known]
        foreign = [each for each in rejected if find_order_id(each.event) not in known]
        ids = {**self._keep_in(self._own, own), **self._keep_in(self._foreign, self._sample(foreign))}
        _log(own, foreign, ids)
        return [ids.get(each.digest) for each in rejected]

    def page(self, query: Query) -> tuple[list[DeadLetter], str | None]:
        """Those that the query asks for, newest first, and the `after` of the next page, if there is one."""
        ids = [each for each in reversed(self._ids()) if query.after is None or each < query.after]
        shown = ids[: query.limit]
        found = self._sidecar.load_many([_key(each) for each in shown])
        kept = [DeadLetter.model_validate_json(stored.value) for stored in found if stored.value]
        return kept, shown[-1] if len(ids) > len(shown) else None

    def get(self, event_id: str) -> DeadLetter:
        """One of them; raises NotFound where there is none (any more)."""
        value = self._sidecar.load(_key(event_id)).value if event_id in self._ids() else None
        if not value:
            raise NotFound("Event not found")
        return DeadLetter.model_validate_json(value)

    def drop(self, event_id: str) -> None:
        """Remove one of them. Idempotent: succeeds where there is none."""
        if event_id in self._ids():
            self._sidecar.delete(_key(event_id))
            for each in (self._own, self._foreign):
                each.remove(event_id)

    def _sample(self, foreign: Sequence[Rejected]) -> list[Rejected]:
        """Those of the foreign events that are kept already, and as many new ones as the budget allows."""
        present = self._foreign.digests() if foreign else set()
        known = [each for each in foreign if each.digest in present]
        fresh = [each for each in foreign if each.digest not in present]
        return known + fresh[: self._budget.take(len(fresh))]

    def _ids(self) -> list[str]:
        return sorted([*self._own.cell.read(), *self._foreign.cell.read()])

    def _keep_in(self, target: "_List", rejected: Sequence[Rejected]) -> dict[str, str]:
        """Keep events in one list; answers their ids by digest."""
        if not rejected:
            return {}
        at, by_digest = utc_timestamp(), {each.digest: each for each in rejected}
        ids, oldest = target.add(at, list(by_digest))
        self._store(at, {ids[digest]: each for digest, each in by_digest.items()})
        for each in oldest:
            log.error("too many dead letters: the oldest, %s, is dropped", each)
            self.drop(each)
        return ids

    def _store(self, at: str, letters: dict[str, Rejected]) -> None:
        stored = self._sidecar.load_many([_key(each) for each in letters])
        writes = []
        for (event_id, each), present in zip(letters.items(), stored, strict=True):
            since = DeadLetter.model_validate_json(present.value).at if present.value else at
            letter = DeadLetter(id=event_id, at=since, reason=each.reason, event=_bounded(each.event))
            writes.append(Write(_key(event_id), letter.model_dump_json(), present.etag))
        # A write that comes second met another delivery of the same event, which keeps it as well.
        self._sidecar.save_many(writes)


class _List(NamedTuple):
    """The ids of kept events, oldest first, and how many there may be."""

    cell: StoredList
    most: int

    def digests(self) -> set[str]:
        """The digests of the events whose ids are in the list."""
        return {_digest_in(each) for each in self.cell.read()}

    def add(self, at: str, digests: Sequence[str]) -> tuple[dict[str, str], list[str]]:
        """Add the ids of events kept `at`, unless they are there; answers all ids by digest, and what is too much."""
        stamp = f"{datetime.fromisoformat(at):%Y%m%dT%H%M%S%f}"

        def add(ids: list[str]) -> list[str]:
            present = {_digest_in(each) for each in ids}
            return sorted([*ids, *(f"{stamp}-{digest}" for digest in digests if digest not in present)])

        ids = self.cell.update(add)
        return {_digest_in(each): each for each in ids}, ids[: -self.most]

    def remove(self, event_id: str) -> None:
        """Remove an id. Idempotent."""
        self.cell.update(lambda ids: [each for each in ids if each != event_id])


class _Budget:
    """A token bucket: `burst` tokens, one more every `seconds`. Logs, at most once a minute, how many it refused."""

    def __init__(self, burst: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._seconds, self._clock = burst, seconds, clock
        self._tokens, self._at = float(burst), clock()
        self._refused, self._reported_at = 0, -REPORT_SECONDS

    def take(self, wanted: int) -> int:
        """Take up to `wanted` tokens; answers how many."""
        at = self._clock()
        self._tokens = min(self._burst, self._tokens + (at - self._at) / self._seconds)
        self._at = at
        taken = min(wanted, int(self._tokens))
        self._tokens -= taken
        self._refused += wanted - taken
        if self._refused and at - self._reported_at >= REPORT_SECONDS:
            log.warning("%d foreign events (of no order of this shop) were not kept", self._refused)
            self._refused, self._reported_at = 0, at
        return taken


def _log(own: Sequence[Rejected], foreign: Sequence[Rejected], ids: dict[str, str]) -> None:
    """A line for each event of the shop's own, and one for all foreign ones."""
    for each in own:
        log.error("event kept aside as %s: %s", ids[each.digest], each.reason)
    kept = [each for each in foreign if each.digest in ids]
    if kept:
        more = f" (and {len(kept) - 1} more foreign events)" if len(kept) > 1 else ""
        log.error("event kept aside as %s: %s%s", ids[kept[0].digest], kept[0].reason, more)


def _digest_in(event_id: str) -> str:
    return event_id.rpartition("-")[2]


def _bounded(event: Any) -> Any:
    """The event, or the beginning of its text where the store would refuse a value of that size."""
    text = json.dumps(event)
    return event if len(text) <= MAX_EVENT_CHARS else {"unreadable": text[:MAX_EVENT_CHARS], "why": "It is too large"}


def _key(event_id: str) -> str:
    return f"aside_event_{event_id}"
