"""The shelf that the records stand on: each is read with its ETag, and written on the condition that it holds."""

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from zlib import crc32

from pydantic import ValidationError

from pizzashop.domain.errors import Broken, NotFound
from pizzashop.domain.record import Record
from pizzashop.domain.requests import ORDER_ID_FORM
from pizzashop.order.copies import Copies
from pizzashop.order.newest import Newest
from pizzashop.sidecar import Sidecar, Stale, Stored, Write

LOCKS = 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seen:
    """A record as it was seen: in the store just now, or else (`is_copy`) when this process wrote it last."""

    order_id: str
    stored: Stored
    is_copy: bool = False

    def record(self) -> Record | None:
        """The record, None where there never was one; raises Broken where it makes no sense."""
        if not self.stored.value:
            return None
        try:
            return Record.model_validate_json(self.stored.value)
        except ValidationError as error:
            raise Broken(f"The record of order {self.order_id} cannot be read: {error.errors()[0]['msg']}") from None


class Shelf:
    """Reads and writes records, several at once; several processes may have the same."""

    def __init__(self, sidecar: Sidecar, copies: Copies) -> None:
        self._sidecar, self._copies = sidecar, copies
        self.newest = Newest(lambda order_ids: [each.stored.value for each in self.look_at_all(order_ids)])
        # Between processes the ETag decides; within one, a lock saves most of the conflicts.
        self._locks = [threading.Lock() for _ in range(LOCKS)]

    @contextmanager
    def locked(self, order_ids: Iterable[str]) -> Iterator[None]:
        """Nobody else in this process changes these records meanwhile."""
        with ExitStack() as stack:
            for number in sorted({crc32(order_id.encode()) % LOCKS for order_id in order_ids}):
                stack.enter_context(self._locks[number])
            yield

    def look(self, order_id: str) -> Seen:
        """The record as the store has it now."""
        return Seen(order_id, self._sidecar.load(_key(order_id)))

    def look_at_all(self, order_ids: Sequence[str]) -> list[Seen]:
        """Several records as the store has them now."""
        found = self._sidecar.load_many([_key(each) for each in order_ids])
        return [Seen(order_id, stored) for order_id, stored in zip(order_ids, found, strict=True)]

    def last_seen(self, order_ids: Iterable[str]) -> list[Seen]:
        """Several records as this process wrote them last, if that was lately, else as the store has them now."""
        copies = {order_id: self._copies.get(_key(order_id)) for order_id in order_ids}
        missing = [order_id for order_id, copy in copies.items() if copy is None]
        # One goes together with what other threads read just now.
        looked = [self.look(missing[0])] if len(missing) == 1 else self.look_at_all(missing)
        return [Seen(order_id, copy, is_copy=True) for order_id, copy in copies.items() if copy is not None] + looked

    def forget(self, order_id: str) -> None:
        """The next time look at what the store has."""
        self._copies.drop(_key(order_id))

    def put(self, changes: Sequence[tuple[Seen, Record]]) -> list[bool]:
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

    def clear(self, seen: Seen) -> bool:
        """Remove a record if it was not changed since it was seen; answers whether it is gone."""
        self.forget(seen.order_id)
        try:
            self._sidecar.delete(_key(seen.order_id), seen.stored.etag)
        except Stale:
            return False
        return True


def _key(order_id: str) -> str:
    if ORDER_ID_FORM.fullmatch(order_id) is None:
        raise NotFound("Order not found")
    return f"order_{order_id}"
