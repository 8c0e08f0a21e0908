"""The records of the orders: read, created and changed, always on the condition that nobody else did."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import uuid4

from pizzashop.domain.errors import Broken, Conflict, ShopError, Unavailable
from pizzashop.domain.history import now
from pizzashop.domain.known import Terms
from pizzashop.domain.record import Record
from pizzashop.order.copies import SECONDS, Copies
from pizzashop.order.index import Pages
from pizzashop.order.open import OpenOrders
from pizzashop.order.shelf import Seen, Shelf
from pizzashop.order.trying import Change, Try, there, tried
from pizzashop.sidecar import Sidecar

TRIES = 50

T = TypeVar("T")

log = logging.getLogger(__name__)


class Records:
    """All orders' records, and the index of them."""

    def __init__(self, sidecar: Sidecar, copy_seconds: float = SECONDS) -> None:
        self._shelf = Shelf(sidecar, Copies(copy_seconds))
        self.newest = self._shelf.newest
        self.pages = Pages(sidecar, "orders")
        self.open = OpenOrders(sidecar)

    def find(self, order_id: str) -> Record | None:
        """The record as it is stored, a deleted one too; None where there never was one."""
        return self._shelf.look(order_id).record()

    def find_many(self, order_ids: Sequence[str]) -> list[Record]:
        """Those of the orders that are there."""
        return [record for record in self.stored(order_ids).values() if record is not None and not record.deleted]

    def stored(self, order_ids: Sequence[str]) -> dict[str, Record | None]:
        """The records as they are stored, deleted ones too, by id; None for one that cannot be read."""
        found = self._shelf.look_at_all(list(dict.fromkeys(order_ids)))
        return {seen.order_id: _readable(seen) for seen in found if seen.stored.value}

    def get(self, order_id: str) -> Record:
        """The record; raises NotFound where there is none (any more)."""
        return there(self.find(order_id))

    def accept(self, order: dict[str, Any], *, wanted: bool, terms: Terms | None = None) -> Record:
        """The record of `order`: a new one, or the one that is there; raises Conflict where that has other content."""
        order_id: str = order["order_id"]
        with self._shelf.locked([order_id]):
            for _ in range(TRIES):
                seen = self._shelf.look(order_id)
                record = seen.record()
                if record is None or record.deleted:
                    accepted = self._new(order, wanted, terms, record.version + 1 if record else 1)
                elif not record.same_content(order):
                    raise Conflict(f"Order {order_id} is there already, with other content")
                elif not wanted or record.final or not record.want(terms):
                    return record
                else:
                    accepted = record
                    accepted.version += 1
                if self._shelf.put([(seen, accepted)]) == [True]:
                    return accepted
        raise _too_many(order_id)

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
                tries = [tried(seen, hows[seen.order_id], deleted_too) for seen in self._shelf.last_seen(left)]
                answers |= {each.seen.order_id: each.answer for each in self._written(tries, trusting)}
                left = [order_id for order_id in hows if order_id not in answers]
                if not left:
                    return answers
        return answers | {order_id: _too_many(order_id) for order_id in left}

    def close(self, order_ids: Iterable[str]) -> None:
        """Take orders that have ended out of the open ones; one stays there that was accepted anew meanwhile."""
        ids = list(order_ids)
        self.open.remove(ids)
        for record in self.find_many(ids):
            if not record.final:
                self.open.add(record.order["order_id"])

    def erase(self, order_id: str, version: int) -> bool:
        """Remove the key of a deleted record, if it is still at this version; answers whether it is gone."""
        with self._shelf.locked([order_id]):
            seen = self._shelf.look(order_id)
            record = seen.record()
            if record is None or record.version != version or not record.deleted:
                return record is None
            return self._shelf.clear(seen)

    def _new(self, order: dict[str, Any], wanted: bool, terms: Terms | None, version: int) -> Record:
        record = Record.accept(uuid4().hex, order, now(), wanted=wanted, terms=terms, version=version)
        record.page, record.place = self.pages.append(order["order_id"])
        self.open.add(order["order_id"])
        return record

    def _written(self, tries: Sequence[Try], trusting: bool) -> list[Try]:
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


def _readable(seen: Seen) -> Record | None:
    try:
        return seen.record()
    except Broken as error:
        log.error("%s", error, extra={"order": seen.order_id})
        return None


def _too_many(order_id: str) -> Unavailable:
    return Unavailable(f"Order {order_id} is written to by too many at once")
