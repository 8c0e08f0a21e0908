"""Events that could not be applied: kept aside, so that they can be looked at, applied anew, or dropped."""

import json
import logging
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from pizzashop.domain.errors import NotFound
from pizzashop.domain.events import told_order_id
from pizzashop.domain.history import now
from pizzashop.domain.requests import Digits, Request
from pizzashop.order.cell import Cell
from pizzashop.sidecar import Sidecar, Stale

MAX_KEPT = 1000
MAX_LIMIT = 100

log = logging.getLogger(__name__)


class Kept(BaseModel):
    """An event that is kept, since when and why; `id` sorts by the time."""

    model_config = ConfigDict(ser_json_inf_nan="constants")  # kept as it came, also where that is no good JSON

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
        """What a list says of it; `order_id` where the event tells."""
        return {"id": self.id, "at": self.at, "reason": self.reason, "order_id": told_order_id(self.event)}


class Query(Request):
    """Which page of the kept events; `after` is the `next` of the page before."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, strict=False), Digits] = 50
    after: Annotated[str, Field(max_length=64)] | None = None


class Aside:
    """The kept events, at most `most` of them: then the oldest goes.

    An id is in the list before its event is stored and until it is removed: so nothing is stored that no list names.
    """

    def __init__(self, sidecar: Sidecar, most: int = MAX_KEPT) -> None:
        self._sidecar, self._most = sidecar, most
        self._list = Cell(sidecar, "aside_list")

    def keep(self, event: Any, reason: str) -> str:
        """Keep an event and answer its id; one that is kept already stays as it is, but for the reason."""
        at, mark = now(), _mark(event)
        fresh = f"{datetime.fromisoformat(at):%Y%m%dT%H%M%S%f}-{mark}"

        def add(ids: list[str]) -> list[str]:
            return ids if any(each.endswith(mark) for each in ids) else sorted([*ids, fresh])

        ids = self._list.update(add)
        event_id = next(each for each in ids if each.endswith(mark))
        self._store(event_id, Kept(id=event_id, at=at, reason=reason, event=event))
        for oldest in ids[: -self._most]:
            log.error("too many events kept aside: the oldest, %s, is dropped", oldest)
            self.drop(oldest)
        return event_id

    def page(self, query: Query) -> tuple[list[Kept], str | None]:
        """Those that the query asks for, newest first, and the `after` of the next page, if there is one."""
        ids = [each for each in reversed(self._list.read()) if query.after is None or each < query.after]
        shown = ids[: query.limit]
        found = self._sidecar.load_many([_key(each) for each in shown])
        kept = [Kept.model_validate_json(stored.value) for stored in found if stored.value]
        return kept, shown[-1] if len(ids) > len(shown) else None

    def get(self, event_id: str) -> Kept:
        """One of them; raises NotFound where there is none (any more)."""
        value = self._sidecar.load(_key(event_id)).value if event_id in self._list.read() else None
        if not value:
            raise NotFound("Event not found")
        return Kept.model_validate_json(value)

    def drop(self, event_id: str) -> None:
        """Forget one of them; none there is as good."""
        if event_id in self._list.read():
            self._sidecar.delete(_key(event_id))
            self._list.update(lambda ids: [each for each in ids if each != event_id])

    def _store(self, event_id: str, kept: Kept) -> None:
        stored = self._sidecar.load(_key(event_id))
        if stored.value:
            kept = kept.model_copy(update={"at": Kept.model_validate_json(stored.value).at})
        try:
            self._sidecar.save(_key(event_id), kept.model_dump_json(), stored.etag)
        except Stale:
            log.info("event %s is kept by another delivery of it", event_id)


def _mark(event: Any) -> str:
    """The same for each delivery of the same event, so that it is kept once."""
    return sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()[:12]


def _key(event_id: str) -> str:
    return f"aside_event_{event_id}"
