"""`POST /expired` and `POST /purged`: what role `workflow` asks and tells while it keeps house."""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta

from flask import current_app, jsonify
from flask.typing import ResponseReturnValue

from pizzashop.auth.people import INTERNAL
from pizzashop.domain.record import Record
from pizzashop.domain.retention import due, grace, is_young
from pizzashop.errors import NotFound
from pizzashop.order.index import TAIL_SECONDS
from pizzashop.order.repository import Repository
from pizzashop.order.schemas import Done, Due, PageQuery, PurgedOrders
from pizzashop.web.dependencies import Clock
from pizzashop.web.json_body import read_internal_json
from pizzashop.web.routes import Routes

AT_ONCE = 8
"""Records seen to at a time: a page is to be done well within the time that an answer may take."""

EndedJson = dict[str, str]

log = logging.getLogger(__name__)


class Housekeeping:
    """Looks through the index, a page at a time; `retention` is in seconds."""

    def __init__(self, records: Repository, retention: float, clock: Clock) -> None:
        self._records, self._retention, self._clock = records, retention, clock
        self._missed: dict[str, datetime] = {}

    def look(self, after: int) -> tuple[list[EndedJson], int | None]:
        """Tidy the first page after `after`: the orders whose workflow is to be purged, and the page to go on after."""
        now = self._clock()
        number = next((each for each in self._records.pages.numbers() if each > after), None)
        if number is None:
            self._forget_missing(now)
            return [], None
        standing, is_whole = self._standing_in(number)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            gone = list(pool.map(lambda each: self._removed(each[0], each[1], now), standing))
        left = [each for each, is_gone in zip(standing, gone, strict=True) if not is_gone]
        if is_whole and not left:
            # Longer than any process takes a page for the last one without asking.
            self._records.pages.discard(number, now, max(grace(self._retention), 2 * TAIL_SECONDS))
        ended = [
            {"order_id": order_id, "uid": record.uid}
            for order_id, record in left
            if due(record, self._retention, now) == "purge"
        ]
        if any(is_young(record, self._retention, now) for _, record in left):
            self._forget_missing(now)
            return ended, None
        return ended, number

    def purged(self, orders: list[tuple[str, str]]) -> None:
        """The engine keeps nothing any more of the workflows of these orders (id and uid)."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda each: self._mark_purged(each[0], each[1]), orders))

    def _mark_purged(self, order_id: str, uid: str) -> None:
        def mark(record: Record) -> None:
            record.purged = record.purged or record.uid == uid

        try:
            self._records.change(order_id, mark, deleted_too=True)
        except NotFound:
            log.info("gone before it was marked as purged", extra={"order": order_id})

    def _standing_in(self, number: int) -> tuple[list[tuple[str, Record]], bool]:
        """The records of a page, and whether all could be read; an id can stand in an older place of its too."""
        rows = self._records.pages.rows(number)
        found = self._records.stored([order_id for _, _, order_id in rows])
        placed = [(order_id, record, where) for *where, order_id in rows if (record := found.get(order_id))]
        standing = [(order_id, record) for order_id, record, where in placed if [record.page, record.place] == where]
        return standing, None not in found.values()

    def _removed(self, order_id: str, record: Record, now: datetime) -> bool:
        """Take the next step with a record, if one is due; answers whether it is gone for good."""
        step = due(record, self._retention, now)
        if step == "empty":
            with suppress(NotFound):  # deleted since it was read
                self._records.change(order_id, lambda present: self._empty(present, now))
        if step == "erase":
            return self._records.erase(order_id, record.version)
        if not (record.is_final or record.deleted):
            self._records.open.add(order_id)
        return False

    def _empty(self, record: Record, now: datetime) -> None:
        if due(record, self._retention, now) == "empty":
            record.delete(now.isoformat())

    def _forget_missing(self, now: datetime) -> None:
        """Take out of the open set what was never accepted, or was deleted, and has been so for a while."""
        ids = self._records.open.ids()
        found = self._records.stored(ids)
        missing = [each for each in ids if each not in found or ((record := found[each]) and record.deleted)]
        self._missed = {each: self._missed.get(each, now) for each in missing}
        longest = timedelta(seconds=grace(self._retention))
        self._records.close(order_id for order_id, since in self._missed.items() if now - since >= longest)


routes = Routes("expired")


def housekeeping() -> Housekeeping:
    """The housekeeping of the application that serves this request."""
    found: Housekeeping = current_app.extensions["housekeeping"]
    return found


@routes.post("/expired", INTERNAL, response=Due, body=PageQuery, internal=True)
def expired() -> ResponseReturnValue:
    """Tidy one page of the index; answers whose workflow is to be purged, and the page to go on after."""
    orders, following = housekeeping().look(PageQuery.parse(read_internal_json()).after)
    return jsonify(orders=orders, next=following)


@routes.post("/purged", INTERNAL, response=Done, body=PurgedOrders, internal=True)
def purged() -> ResponseReturnValue:
    """Note that the engine keeps nothing of these orders any more."""
    housekeeping().purged([(each.order_id, each.uid) for each in PurgedOrders.parse(read_internal_json()).orders])
    return jsonify(success=True)
