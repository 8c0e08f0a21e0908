"""The records in the state store: read, created and changed, always on the condition that nobody else did."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import uuid4
from zlib import crc32

from pydantic import ValidationError

from pizzashop.domain.errors import Broken, Conflict, NotFound, Unavailable
from pizzashop.domain.history import now
from pizzashop.domain.record import Record
from pizzashop.domain.requests import ORDER_ID_FORM
from pizzashop.order.index import Pages
from pizzashop.order.open import OpenOrders
from pizzashop.sidecar import Sidecar, Stale

TRIES = 50
LOCKS = 64

T = TypeVar("T")

log = logging.getLogger(__name__)


class Records:
    """All orders' records, and the index of them."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self.pages = Pages(sidecar, "orders")
        self.open = OpenOrders(sidecar)
        # Between processes the ETag decides; within one, a lock saves most of the conflicts.
        self._locks = [threading.Lock() for _ in range(LOCKS)]

    def find(self, order_id: str) -> Record | None:
        """The record as it is stored, a deleted one too; None where there never was one."""
        return self._load(order_id)[0]

    def find_many(self, order_ids: Sequence[str]) -> list[Record]:
        """Those of the orders that are there."""
        return [record for record in self.stored(order_ids).values() if record is not None and not record.deleted]

    def stored(self, order_ids: Sequence[str]) -> dict[str, Record | None]:
        """The records as they are stored, deleted ones too, by id; None for one that cannot be read."""
        ids = list(dict.fromkeys(order_ids))
        pairs = zip(ids, self._sidecar.load_many([_key(each) for each in ids]), strict=True)
        return {order_id: _readable(order_id, value) for order_id, value in pairs if value}

    def get(self, order_id: str) -> Record:
        """The record; raises NotFound where there is none (any more)."""
        return _there(self.find(order_id))

    def accept(self, order: dict[str, Any], *, wanted: bool) -> Record:
        """The record of `order`: a new one, or the one that is there; raises Conflict where that has other content."""
        order_id: str = order["order_id"]
        with self._lock(order_id):
            for _ in range(TRIES):
                record, etag = self._load(order_id)
                if record is None or record.deleted:
                    version = record.version + 1 if record else 1
                    accepted = Record.accept(uuid4().hex, order, now(), wanted=wanted, version=version)
                    accepted.page, accepted.place = self.pages.append(order_id)
                    self.open.add(order_id)
                elif not record.same_content(order):
                    raise Conflict(f"Order {order_id} is there already, with other content")
                elif not wanted or record.final or not record.want():
                    return record
                else:
                    accepted = record
                    accepted.version += 1
                if self._saved(order_id, accepted, etag):
                    return accepted
        raise _too_many(order_id)

    def change(self, order_id: str, how: Callable[[Record], T], *, deleted_too: bool = False) -> T:
        """Have `how` change the record (again, where another came first), save it, and answer what `how` answers."""
        with self._lock(order_id):
            for _ in range(TRIES):
                record, etag = self._load(order_id)
                record = _there(record, deleted_too)
                before, was_open = record.model_dump_json(), not record.final
                answer = how(record)
                if record.model_dump_json() == before:
                    return answer
                record.version += 1
                if self._saved(order_id, record, etag):
                    if was_open and (record.final or record.deleted):
                        self.close(order_id)
                    return answer
        raise _too_many(order_id)

    def close(self, order_id: str) -> None:
        """Take an order out of the open ones; it stays there if it was accepted anew meanwhile."""
        self.open.remove(order_id)
        record = self.find(order_id)
        if record is not None and not (record.final or record.deleted):
            self.open.add(order_id)

    def erase(self, order_id: str, version: int) -> bool:
        """Remove the key of a deleted record, if it is still at this version; answers whether it is gone."""
        with self._lock(order_id):
            record, etag = self._load(order_id)
            if record is None or record.version != version or not record.deleted:
                return record is None
            try:
                self._sidecar.delete(_key(order_id), etag)
            except Stale:
                return False
        return True

    def _load(self, order_id: str) -> tuple[Record | None, str]:
        stored = self._sidecar.load(_key(order_id))
        return (_read(order_id, stored.value) if stored.value else None), stored.etag

    def _saved(self, order_id: str, record: Record, etag: str) -> bool:
        try:
            self._sidecar.save(_key(order_id), record.model_dump_json(), etag)
        except Stale:
            return False
        return True

    def _lock(self, order_id: str) -> threading.Lock:
        return self._locks[crc32(order_id.encode()) % LOCKS]


def _key(order_id: str) -> str:
    if ORDER_ID_FORM.fullmatch(order_id) is None:
        raise NotFound("Order not found")
    return f"order_{order_id}"


def _read(order_id: str, value: bytes) -> Record:
    try:
        return Record.model_validate_json(value)
    except ValidationError as error:
        raise Broken(f"The record of order {order_id} cannot be read: {error.errors()[0]['msg']}") from None


def _readable(order_id: str, value: bytes) -> Record | None:
    try:
        return _read(order_id, value)
    except Broken as error:
        log.error("%s", error, extra={"order": order_id})
        return None


def _there(record: Record | None, deleted_too: bool = False) -> Record:
    if record is None or (record.deleted and not deleted_too):
        raise NotFound("Order not found")
    return record


def _too_many(order_id: str) -> Unavailable:
    return Unavailable(f"Order {order_id} is written to by too many at once")
