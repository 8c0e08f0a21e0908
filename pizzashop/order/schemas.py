"""The response models of role `order`, and the requests of its housekeeping."""

from typing import Any, Literal

from pydantic import BaseModel, Field, RootModel

from pizzashop.domain.history import HistoryEntry
from pizzashop.domain.requests import OrderId, Request
from pizzashop.order.index import PAGE_SIZE

DeliveryStatus = Literal["SUCCESS", "RETRY", "DROP"]


class Done(BaseModel):
    """The request was carried out."""

    success: Literal[True]


class OrderView(BaseModel):
    """An order as the client sent it, with its status and history."""

    order_id: str
    pizza_type: str
    size: str
    status: str
    attempt: int
    paused: bool
    error: str | None = None
    overdue: Literal[True] | None = None
    version: int
    history: list[HistoryEntry]


class OrderPage(BaseModel):
    """Orders, newest first; `next` is the `after` of the next page, null on the last one."""

    orders: list[OrderView]
    next: str | None


class CloudEvent(BaseModel):
    """An event of the topic `orders`: `data` is the order with a new status, as an object or as a JSON string."""

    data: Any = None


class BulkEntry(BaseModel):
    """One event of a bulk."""

    entryId: str
    event: CloudEvent


class Bulk(BaseModel):
    """Several events in Dapr's bulk envelope."""

    entries: list[BulkEntry]


class Delivery(RootModel[Bulk | CloudEvent]):
    """What Dapr delivers from the topic."""


class EventResult(BaseModel):
    """What became of an event."""

    success: bool
    status: DeliveryStatus


class BulkEntryResult(BaseModel):
    """What became of one event of a bulk."""

    entryId: Any
    status: DeliveryStatus


class BulkResult(BaseModel):
    """What became of each event of a bulk."""

    statuses: list[BulkEntryResult]


class DeliveryResult(RootModel[BulkResult | EventResult]):
    """What became of the events of a delivery."""


class DeadLetterSummary(BaseModel):
    """An event that is kept: since when, why, and of which order if it names one."""

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
