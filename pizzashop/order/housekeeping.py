"""Housekeeping: role `workflow` asks for the workflows to purge (`/expired`), and reports those it purged (`/purged`).

Meanwhile role `order` removes expired records, empty pages of the index, and wrong ids in the open set.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta

from flask import jsonify
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, Field

from pizzashop.auth.people import INTERNAL
from pizzashop.domain.history import Clock
from pizzashop.domain.record import Record
from pizzashop.domain.requests import OrderId, Request
from pizzashop.domain.retention import grace_seconds, is_recent, next_cleanup
from pizzashop.errors import NotFound
from pizzashop.order.index import LAST_PAGE_SECONDS, PAGE_SIZE, position_of
from pizzashop.order.repository import Repository
from pizzashop.order.schemas import Done
from pizzashop.web.json_body import read_internal_json
from pizzashop.web.routes import Routes

# How many records are handled at the same time, so that a page is done well before the request times out.
_THREADS = 8

log = logging.getLogger(__name__)


class ExpiredQuery(Request):
    """The page of the index that was cleaned last; -1 before the first."""

    after: int = Field(-1, ge=-1)


class OrderUid(Request):
    """An order; `uid` distinguishes it from others that had the same id."""

    order_id: OrderId
    uid: str = Field(max_length=64)


class ExpiredPage(BaseModel):
    """The orders whose workflow has to be purged; `next` is the page to continue after, null when all are done."""

    orders: list[OrderUid]
    next: int | None


class PurgedOrders(Request):
    """The orders whose workflow has been purged."""

    orders: list[OrderUid] = Field(max_length=PAGE_SIZE)


class Housekeeping:
    """Goes through the index, one page for each call; `retention` is in seconds."""

    def __init__(self, repository: Repository, retention: float, clock: Clock) -> None:
        self._repository, self._retention, self._clock = repository, retention, clock
        self._missing_since: dict[str, datetime] = {}

    def clean_page_after(self, after: int) -> ExpiredPage:
        """Clean the first page after page `after`. Return the orders on it whose workflow has to be purged."""
        now = self._clock()
        number = next((each for each in self._repository.index.page_numbers() if each > after), None)
        if number is None:
            self._clean_open_orders(now)
            return ExpiredPage(orders=[], next=None)
        records, are_all_readable = self._read_page(number)
        with ThreadPoolExecutor(_THREADS) as pool:
            are_erased = list(pool.map(lambda each: self._clean(each[0], each[1], now), records))
        left = [each for each, is_erased in zip(records, are_erased, strict=True) if not is_erased]
        if are_all_readable and not left:
            # The page stays longer than any process takes it for the last one.
            self._repository.index.delete_page(number, now, max(grace_seconds(self._retention), 2 * LAST_PAGE_SECONDS))
        to_purge = [
            OrderUid(order_id=order_id, uid=record.uid)
            for order_id, record in left
            if next_cleanup(record, self._retention, now) == "purge"
        ]
        if any(is_recent(record, self._retention, now) for _, record in left):
            self._clean_open_orders(now)
            return ExpiredPage(orders=to_purge, next=None)
        return ExpiredPage(orders=to_purge, next=number)

    def mark_purged(self, orders: list[OrderUid]) -> None:
        """Note that the engine has purged the workflows of these orders."""
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(self._mark_purged, orders))

    def _mark_purged(self, order: OrderUid) -> None:
        def mark(record: Record) -> None:
            record.purged = record.purged or record.uid == order.uid

        try:
            self._repository.change(order.order_id, mark, include_deleted=True)
        except NotFound:
            log.info("the record is gone, so it is not marked as purged", extra={"order": order.order_id})

    def _read_page(self, number: int) -> tuple[list[tuple[str, Record]], bool]:
        """Return the records that have a position on a page, and whether all records could be read."""
        entries = self._repository.index.read_page(number)
        found = self._repository.find_with_deleted([entry.order_id for entry in entries])
        present = [(entry, record) for entry in entries if (record := found.get(entry.order_id))]
        records = [(entry.order_id, record) for entry, record in present if position_of(record) == entry.position]
        return records, None not in found.values()

    def _clean(self, order_id: str, record: Record, now: datetime) -> bool:
        """Delete the content of a record, or erase its key, if that is due. Return whether its key is gone."""
        cleanup = next_cleanup(record, self._retention, now)
        if cleanup == "delete":
            with suppress(NotFound):
                self._repository.change(order_id, lambda current: self._delete(current, now))
        if cleanup == "erase":
            return self._repository.erase(order_id, record.version)
        if not (record.is_final or record.deleted):
            self._repository.open_orders.add(order_id)
        return False

    def _delete(self, record: Record, now: datetime) -> None:
        if next_cleanup(record, self._retention, now) == "delete":
            record.delete(now.isoformat())

    def _clean_open_orders(self, now: datetime) -> None:
        """Remove ids from the open set whose record has been absent or deleted for the grace period."""
        ids = self._repository.open_orders.ids()
        found = self._repository.find_with_deleted(ids)
        missing = [each for each in ids if each not in found or ((record := found[each]) and record.deleted)]
        self._missing_since = {each: self._missing_since.get(each, now) for each in missing}
        grace = timedelta(seconds=grace_seconds(self._retention))
        self._repository.remove_from_open(each for each, since in self._missing_since.items() if now - since >= grace)


def make_housekeeping_routes(housekeeping: Housekeeping) -> Routes:
    """Return the routes of the housekeeping."""
    routes = Routes("housekeeping")

    @routes.post("/expired", INTERNAL, response=ExpiredPage, body=ExpiredQuery, internal=True)
    def expired() -> ResponseReturnValue:
        """Clean a page of the index, and return the orders on it whose workflow has to be purged."""
        query = ExpiredQuery.parse(read_internal_json())
        return jsonify(housekeeping.clean_page_after(query.after).model_dump())

    @routes.post("/purged", INTERNAL, response=Done, body=PurgedOrders, internal=True)
    def purged() -> ResponseReturnValue:
        """Note that the engine has purged the workflows of these orders."""
        housekeeping.mark_purged(PurgedOrders.parse(read_internal_json()).orders)
        return jsonify(success=True)

    return routes
