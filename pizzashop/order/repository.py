"""The records of the orders: read, created and changed. Every write is conditional on the ETag that was read.

When two writers change one record at the same time, the store refuses the second write. Its change is then made again,
on top of the first.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4
from zlib import crc32

from pydantic import ValidationError

from pizzashop import tracing
from pizzashop.dapr.sidecar import EtagMismatch, Sidecar, StoredValue, Write
from pizzashop.domain.history import utc_timestamp
from pizzashop.domain.record import Record, WorkflowSettings
from pizzashop.domain.requests import ORDER_ID_PATTERN
from pizzashop.errors import Conflict, CorruptData, NotFound, ShopError, Unavailable
from pizzashop.metrics import OrderMetrics
from pizzashop.order.cache import ReadCache, WriteCache
from pizzashop.order.counting import PreviousState, count_write
from pizzashop.order.index import OpenOrders, OrderIndex

_LOCKS = 1024
_MAX_TRIES = 50

T = TypeVar("T")
Change = Callable[[Record], T]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UnparsedRecord:
    """A record as it was read. With `is_cached` it comes from the write cache and may be outdated."""

    order_id: str
    stored: StoredValue
    is_cached: bool = False

    def parse(self) -> Record | None:
        """Return the record, None when the key is absent. Raise CorruptData when it cannot be read."""
        if not self.stored.value:
            return None
        try:
            return Record.model_validate_json(self.stored.value)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise CorruptData(f"The record of order {self.order_id} cannot be read: {reason}") from None


class Repository:
    """All records, and the index of them. A deleted record is absent, unless a method says otherwise."""

    def __init__(self, sidecar: Sidecar, metrics: OrderMetrics | None = None) -> None:
        self._sidecar, self._metrics = sidecar, metrics or OrderMetrics()
        self.index = OrderIndex(sidecar)
        self.open_orders = OpenOrders(sidecar)
        self.read_cache = ReadCache(lambda order_ids: [each.stored.value for each in self._read_many(order_ids)])
        self._write_cache = WriteCache()
        # Between processes the ETag decides. Within one, a lock prevents most of the conflicts.
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    def get(self, order_id: str) -> Record:
        """Read a record. Raise NotFound when there is none."""
        return _require_present(self.find(order_id))

    def find(self, order_id: str) -> Record | None:
        """Read a record, also a deleted one; None when there never was one."""
        return self._read(order_id).parse()

    def find_many(self, order_ids: Sequence[str]) -> list[Record]:
        """Read those of the records that exist and can be read."""
        records = self.find_with_deleted(order_ids).values()
        return [record for record in records if record is not None and not record.deleted]

    def find_with_deleted(self, order_ids: Sequence[str]) -> dict[str, Record | None]:
        """Read those of the records that exist, also deleted ones, by id; None for one that cannot be read."""
        found = self._read_many(list(dict.fromkeys(order_ids)))
        return {each.order_id: _parse_or_log(each) for each in found if each.stored.value}

    def accept(self, order: dict[str, Any], *, with_workflow: bool, settings: WorkflowSettings | None = None) -> Record:
        """Create the record of an order, or return the one that exists. Raise Conflict when that has other content.

        With `with_workflow` the record asks for a workflow, which runs under `settings` and in this request's trace.
        """
        order_id: str = order["order_id"]
        traceparent = tracing.current_traceparent() if with_workflow else None
        with self._lock([order_id]):
            for _ in range(_MAX_TRIES):
                unparsed = self._read(order_id)
                record = unparsed.parse()
                before = PreviousState.of(record) if record and not record.deleted else None
                if record is None or record.deleted:
                    version = record.version + 1 if record else 1
                    record = self._create(order, with_workflow, settings, traceparent, version)
                elif not record.has_content(order):
                    raise Conflict(f"Order {order_id} exists already, with other content")
                elif not with_workflow or record.is_final or not record.request_workflow(settings, traceparent):
                    return record
                else:
                    record.version += 1
                if self._write_many([RecordWrite(unparsed, before, record)]):
                    return record
        raise _too_many_writers(order_id)

    def change(self, order_id: str, change: Change[T], *, include_deleted: bool = False) -> T:
        """Apply a change to a record, write it, and return the result of the change.

        After a conflict with another writer it calls `change` again. Raise NotFound when there is no record, and what
        `change` raises.
        """
        result = self.change_many({order_id: change}, include_deleted=include_deleted)[order_id]
        if isinstance(result, ShopError):
            raise result
        return result

    def change_many(
        self, changes: Mapping[str, Change[T]], *, include_deleted: bool = False, accept_cached_no_change: bool = False
    ) -> dict[str, T | ShopError]:
        """Change several records in one write. Return the result of each change, or the error that it raised.

        With `accept_cached_no_change`, a change that finds nothing to change in a cached record counts, although that
        record may be outdated. This is right for changes that stay done, such as adding a stage to the history.
        """
        results: dict[str, T | ShopError] = {}
        left = list(changes)
        with self._lock(changes):
            for _ in range(_MAX_TRIES):
                outcomes = [_apply(each, changes[each.order_id], include_deleted) for each in self._read_cached(left)]
                written = self._write_many([each.write for each in outcomes if each.write is not None])
                for each in outcomes:
                    if each.is_valid(written, accept_cached_no_change):
                        results[each.unparsed.order_id] = each.result
                    else:
                        self._write_cache.discard(_key(each.unparsed.order_id))
                left = [order_id for order_id in changes if order_id not in results]
                if not left:
                    return results
        return results | {order_id: _too_many_writers(order_id) for order_id in left}

    def remove_from_open(self, order_ids: Iterable[str]) -> None:
        """Remove ended orders from the open set. An order that was accepted again meanwhile stays in it."""
        ids = list(order_ids)
        self.open_orders.remove(ids)
        for record in self.find_many(ids):
            if not record.is_final:
                self.open_orders.add(record.order["order_id"])

    def erase(self, order_id: str, version: int) -> bool:
        """Remove the key of a deleted record that still has this version. Return whether the key is gone."""
        with self._lock([order_id]):
            unparsed = self._read(order_id)
            record = unparsed.parse()
            if record is None or record.version != version or not record.deleted:
                return record is None
            self._write_cache.discard(_key(order_id))
            try:
                self._sidecar.delete(_key(order_id), unparsed.stored.etag)
            except EtagMismatch:
                return False
            return True

    @contextmanager
    def _lock(self, order_ids: Iterable[str]) -> Iterator[None]:
        """Keep other threads of this process from changing these records."""
        with ExitStack() as stack:
            for number in sorted({crc32(order_id.encode()) % _LOCKS for order_id in order_ids}):
                stack.enter_context(self._locks[number])
            yield

    def _create(
        self,
        order: dict[str, Any],
        with_workflow: bool,
        settings: WorkflowSettings | None,
        traceparent: str | None,
        version: int,
    ) -> Record:
        record = Record.accept(
            uuid4().hex,
            order,
            utc_timestamp(),
            with_workflow=with_workflow,
            settings=settings,
            traceparent=traceparent,
            version=version,
        )
        # The index comes first: a crash may leave an id without a record, but never a record without its id.
        record.index_page, record.index_place = self.index.append(order["order_id"])
        self.open_orders.add(order["order_id"])
        return record

    def _read(self, order_id: str) -> UnparsedRecord:
        return UnparsedRecord(order_id, self._sidecar.load(_key(order_id)))

    def _read_many(self, order_ids: Sequence[str]) -> list[UnparsedRecord]:
        found = self._sidecar.load_many([_key(each) for each in order_ids])
        return [UnparsedRecord(order_id, stored) for order_id, stored in zip(order_ids, found, strict=True)]

    def _read_cached(self, order_ids: Iterable[str]) -> list[UnparsedRecord]:
        """Take records from the write cache, and read the others."""
        found = {order_id: self._write_cache.get(_key(order_id)) for order_id in order_ids}
        cached = [UnparsedRecord(id_, value, is_cached=True) for id_, value in found.items() if value is not None]
        missing = [order_id for order_id, value in found.items() if value is None]
        # A single read joins the reads of other threads in one request.
        return cached + ([self._read(missing[0])] if len(missing) == 1 else self._read_many(missing))

    def _write_many(self, changes: Sequence["RecordWrite"]) -> set[str]:
        """Write each record that no other writer changed since it was read. Return the ids of those written."""
        writes = [
            Write(_key(unparsed.order_id), record.model_dump_json(), unparsed.stored.etag)
            for unparsed, _, record in changes
        ]
        for write in writes:
            self._write_cache.discard(write.key)
        results = self._sidecar.save_many(writes) if writes else []
        written = set()
        for write, (unparsed, before, record), is_written in zip(writes, changes, results, strict=True):
            if is_written:
                written.add(unparsed.order_id)
                count_write(self._metrics, before, record)
                self.read_cache.update(unparsed.order_id, write.value.encode())
                etag = self._sidecar.predict_etag(write.etag)
                if etag is not None and not record.deleted:
                    self._write_cache.put(write.key, StoredValue(write.value.encode(), etag))
        return written


class RecordWrite(NamedTuple):
    """A record to write: as it was read, its state before the change (None if it is new), and as it is now."""

    unparsed: UnparsedRecord
    before: PreviousState | None
    record: Record


class _Outcome(NamedTuple):
    """What a change did to a record: its result or error, and the write if there is something to write."""

    unparsed: UnparsedRecord
    result: Any
    write: RecordWrite | None = None

    def is_valid(self, written: set[str], accept_cached_no_change: bool) -> bool:
        """Return whether the result counts. Otherwise the change has to be made again."""
        if self.write is not None:
            return self.unparsed.order_id in written
        if self.unparsed.is_cached:
            # An outdated record may refuse what the present one allows, so an error never counts.
            return accept_cached_no_change and not isinstance(self.result, ShopError)
        return True


def _apply(unparsed: UnparsedRecord, change: Change[Any], include_deleted: bool) -> _Outcome:
    try:
        record = _require_present(unparsed.parse(), include_deleted)
        before = PreviousState.of(record)
        result = change(record)
    except ShopError as error:
        return _Outcome(unparsed, error)
    if record.model_dump_json().encode() == unparsed.stored.value:
        return _Outcome(unparsed, result)
    record.version += 1
    return _Outcome(unparsed, result, RecordWrite(unparsed, before, record))


def _require_present(record: Record | None, include_deleted: bool = False) -> Record:
    if record is None or (record.deleted and not include_deleted):
        raise NotFound("Order not found")
    return record


def _parse_or_log(unparsed: UnparsedRecord) -> Record | None:
    try:
        return unparsed.parse()
    except CorruptData as error:
        log.error("%s", error, extra={"order": unparsed.order_id})
        return None


def _key(order_id: str) -> str:
    if ORDER_ID_PATTERN.fullmatch(order_id) is None:
        raise NotFound("Order not found")
    return f"order_{order_id}"


def _too_many_writers(order_id: str) -> Unavailable:
    return Unavailable(f"Too many writers at once of order {order_id}: ask again in a moment")
