"""The records of the orders: read, created and changed, always on the condition that nobody else did."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4
from zlib import crc32

from flask import current_app
from pydantic import ValidationError

from pizzashop.dapr.sidecar import ETagMismatch, Sidecar, StoredValue, Write
from pizzashop.domain.history import utc_timestamp
from pizzashop.domain.record import Record, WorkflowSettings
from pizzashop.domain.requests import ORDER_ID_PATTERN
from pizzashop.errors import Conflict, CorruptData, NotFound, ShopError, Unavailable
from pizzashop.order.cache import WRITE_CACHE_SECONDS, ReadCache, WriteCache
from pizzashop.order.index import OpenOrders, PagedList

LOCKS = 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredRecord:
    """A record as it was seen: in the store just now, or else (`is_copy`) when this process wrote it last."""

    order_id: str
    stored: StoredValue
    is_copy: bool = False

    def record(self) -> Record | None:
        """The record, None where there never was one; raises CorruptData where it makes no sense."""
        if not self.stored.value:
            return None
        try:
            return Record.model_validate_json(self.stored.value)
        except ValidationError as error:
            raise CorruptData(f"The record of order {self.order_id} cannot be read: {error.errors()[0]['msg']}") from None


class RecordStore:
    """Reads and writes records, several at once; several processes may have the same."""

    def __init__(self, sidecar: Sidecar, copies: WriteCache) -> None:
        self._sidecar, self._copies = sidecar, copies
        self.newest = ReadCache(lambda order_ids: [each.stored.value for each in self.look_at_all(order_ids)])
        # Between processes the ETag decides; within one, a lock saves most of the conflicts.
        self._locks = [threading.Lock() for _ in range(LOCKS)]

    @contextmanager
    def locked(self, order_ids: Iterable[str]) -> Iterator[None]:
        """Nobody else in this process changes these records meanwhile."""
        with ExitStack() as stack:
            for number in sorted({crc32(order_id.encode()) % LOCKS for order_id in order_ids}):
                stack.enter_context(self._locks[number])
            yield

    def look(self, order_id: str) -> StoredRecord:
        """The record as the store has it now."""
        return StoredRecord(order_id, self._sidecar.load(_key(order_id)))

    def look_at_all(self, order_ids: Sequence[str]) -> list[StoredRecord]:
        """Several records as the store has them now."""
        found = self._sidecar.load_many([_key(each) for each in order_ids])
        return [StoredRecord(order_id, stored) for order_id, stored in zip(order_ids, found, strict=True)]

    def last_seen(self, order_ids: Iterable[str]) -> list[StoredRecord]:
        """Several records as this process wrote them last, if that was lately, else as the store has them now."""
        copies = {order_id: self._copies.get(_key(order_id)) for order_id in order_ids}
        missing = [order_id for order_id, copy in copies.items() if copy is None]
        # One goes together with what other threads read just now.
        looked = [self.look(missing[0])] if len(missing) == 1 else self.look_at_all(missing)
        return [
            StoredRecord(order_id, copy, is_copy=True) for order_id, copy in copies.items() if copy is not None
        ] + looked

    def forget(self, order_id: str) -> None:
        """The next time look at what the store has."""
        self._copies.drop(_key(order_id))

    def put(self, changes: Sequence[tuple[StoredRecord, Record]]) -> list[bool]:
        """Write each record where it was seen, if it was not changed since; answers which were written."""
        writes = [Write(_key(seen.order_id), record.model_dump_json(), seen.stored.etag) for seen, record in changes]
        for write in writes:
            self._copies.drop(write.key)
        done = self._sidecar.save_many(writes) if writes else []
        for write, (seen, record), is_done in zip(writes, changes, done, strict=True):
            if is_done:
                self.newest.note(seen.order_id, write.value.encode())
            if is_done and not record.deleted:
                self._copies.keep(write)
        return done

    def clear(self, seen: StoredRecord) -> bool:
        """Remove a record if it was not changed since it was seen; answers whether it is gone."""
        self.forget(seen.order_id)
        try:
            self._sidecar.delete(_key(seen.order_id), seen.stored.etag)
        except ETagMismatch:
            return False
        return True


def _key(order_id: str) -> str:
    if ORDER_ID_PATTERN.fullmatch(order_id) is None:
        raise NotFound("Order not found")
    return f"order_{order_id}"


T = TypeVar("T")
Change = Callable[[Record], T]


class ChangeResult(NamedTuple):
    """What a change came to: its answer, or what it raised, and the record, if that is another now."""

    seen: StoredRecord
    answer: Any
    changed: Record | None = None


def apply_change(seen: StoredRecord, how: Change[Any], deleted_too: bool) -> ChangeResult:
    """Have `how` change the record that was seen."""
    try:
        record = require_present(seen.record(), deleted_too)
        answer = how(record)
    except ShopError as error:
        return ChangeResult(seen, error)
    if record.model_dump_json().encode() == seen.stored.value:
        return ChangeResult(seen, answer)
    record.version += 1
    return ChangeResult(seen, answer, record)


def require_present(record: Record | None, deleted_too: bool = False) -> Record:
    """The record; raises NotFound where there is none (any more)."""
    if record is None or (record.deleted and not deleted_too):
        raise NotFound("Order not found")
    return record


TRIES = 50


class Repository:
    """All orders' records, and the index of them."""

    def __init__(self, sidecar: Sidecar, copy_seconds: float = WRITE_CACHE_SECONDS) -> None:
        self._shelf = RecordStore(sidecar, WriteCache(copy_seconds))
        self.newest = self._shelf.newest
        self.pages = PagedList(sidecar, "orders")
        self.open = OpenOrders(sidecar)

    def find(self, order_id: str) -> Record | None:
        """The record as it is stored, a deleted one too; None where there never was one."""
        return self._shelf.look(order_id).record()

    def find_many(self, order_ids: Sequence[str]) -> list[Record]:
        "Those of the orders that are there."
        return [record for record in self.stored(order_ids).values() if record is not None and not record.deleted]

    def stored(self, order_ids: Sequence[str]) -> dict[str, Record | None]:
        """The records as they are stored, deleted ones too, by id; None for one that cannot be read."""
        found = self._shelf.look_at_all(list(dict.fromkeys(order_ids)))
        return {seen.order_id: _readable(seen) for seen in found if seen.stored.value}

    def get(self, order_id: str) -> Record:
        """The record; raises NotFound where there is none (any more)."""
        return require_present(self.find(order_id))

    def accept(self, order: dict[str, Any], *, with_workflow: bool, settings: WorkflowSettings | None = None) -> Record:
        """The record of `order`: a new one, or the one that is there; raises Conflict where that has other content."""
        order_id: str = order["order_id"]
        with self._shelf.locked([order_id]):
            for _ in range(TRIES):
                seen = self._shelf.look(order_id)
                record = seen.record()
                if record is None or record.deleted:
                    accepted = self._new(order, with_workflow, settings, record.version + 1 if record else 1)
                elif not record.has_content(order):
                    raise Conflict(f"Order {order_id} is there already, with other content")
                elif not with_workflow or record.is_final or not record.request_workflow(settings):
                    return record
                else:
                    accepted = record
                    accepted.version += 1
                if self._shelf.put([(seen, accepted)]) == [True]:
                    return accepted
        raise _too_many_writers(order_id)

    def change(self, order_id: str, how: Change[T], *, deleted_too: bool = False) -> T:
        """Have `how` change the record (again, where another came first), save it, and answer what `how` answers."""
        answer = self.change_many({order_id: how}, deleted_too=deleted_too)[order_id]
        if isinstance(answer, ShopError):
            raise answer
        return answer

    def change_many(
        self, hows: Mapping[str, Change[T]], *, deleted_too: bool = False, trusting: bool = False
    ) -> dict[str, T | ShopError]:
        """Change several records in one write; answers for each order what its `how` answers or raises.

        `trusting`: what holds of an earlier state of the record, that nothing is to be changed, holds of a later one.
        """
        answers: dict[str, T | ShopError] = {}
        left = list(hows)
        with self._shelf.locked(hows):
            for _ in range(TRIES):
                tries = [apply_change(seen, hows[seen.order_id], deleted_too) for seen in self._shelf.last_seen(left)]
                answers |= {each.seen.order_id: each.answer for each in self._written(tries, trusting)}
                left = [order_id for order_id in hows if order_id not in answers]
                if not left:
                    return answers
        return answers | {order_id: _too_many_writers(order_id) for order_id in left}

    def close(self, order_ids: Iterable[str]) -> None:
        """Take orders that have ended out of the open ones; one stays there that was accepted anew meanwhile."""
        ids = list(order_ids)
        self.open.remove(ids)
        for record in self.find_many(ids):
            if not record.is_final:
                self.open.add(record.order["order_id"])

    def erase(self, order_id: str, version: int) -> bool:
        """Remove the key of a deleted record, if it is still at this version; answers whether it is gone."""
        with self._shelf.locked([order_id]):
            seen = self._shelf.look(order_id)
            record = seen.record()
            if record is None or record.version != version or not record.deleted:
                return record is None
            return self._shelf.clear(seen)

    def _new(self, order: dict[str, Any], with_workflow: bool, settings: WorkflowSettings | None, version: int) -> Record:
        record = Record.accept(uuid4().hex, order, utc_timestamp(), with_workflow=with_workflow, settings=settings, version=version)
        record.page, record.place = self.pages.append(order["order_id"])
        self.open.add(order["order_id"])
        return record

    def _written(self, tries: Sequence[ChangeResult], trusting: bool) -> list[ChangeResult]:
        """Write what has changed; answers the tries that hold: the others are to be made again."""
        changed = [(each.seen, each.changed) for each in tries if each.changed is not None]
        done = iter(self._shelf.put(changed))
        holding = []
        for each in tries:
            if each.changed is not None:
                holds = next(done)
            else:
                holds = not each.seen.is_copy or (trusting and not isinstance(each.answer, ShopError))
            if holds:
                holding.append(each)
            else:
                self._shelf.forget(each.seen.order_id)
        return holding


def _readable(seen: StoredRecord) -> Record | None:
    try:
        return seen.record()
    except CorruptData as error:
        log.error("%s", error, extra={"order": seen.order_id})
        return None


def _too_many_writers(order_id: str) -> Unavailable:
    return Unavailable(f"Order {order_id} is written to by too many at once")


def records() -> Repository:
    """The records of the application that serves this request."""
    found: Repository = current_app.extensions["records"]
    return found
