"""The models of orders, and of events as Dapr delivers them, in the routes of role `order`."""

from typing import Any, Literal

from pydantic import BaseModel, RootModel

from pizzashop.domain.history import HistoryEntry

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
