"""The models of what role `order` answers, and of what role `workflow` asks it."""

from typing import Any, Literal

from pydantic import BaseModel, Field, RootModel

from pizzashop.domain.history import HistoryEntry
from pizzashop.domain.record import Terms
from pizzashop.domain.requests import OrderId, Request
from pizzashop.order.index import PAGE_SIZE

Took = Literal["SUCCESS", "RETRY", "DROP"]


class Done(BaseModel):
    """It is so now."""

    success: Literal[True]


class OrderView(BaseModel):
    """An order's fields, and what has become of it."""

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
    """Orders, newest first; `next` is the `after` of the next page, if there is one."""

    orders: list[OrderView]
    next: str | None


class CloudEvent(BaseModel):
    """An event of the topic `orders`: `data` is the order with a new status, as an object or as a JSON string."""

    data: Any = None


class Entries(BaseModel):
    """Several events at once, in Dapr's envelope."""

    entries: list["BulkEntry"]


class BulkEntry(BaseModel):
    """One of them."""

    entryId: str
    event: CloudEvent


class Delivery(RootModel[Entries | CloudEvent]):
    """What Dapr delivers from the topic."""


class Taken(BaseModel):
    """What became of an event."""

    success: bool
    status: Took


class TakenEach(BaseModel):
    """What became of each event."""

    statuses: list["TakenEntry"]


class TakenEntry(BaseModel):
    """What became of one of them."""

    entryId: Any
    status: Took


class Taking(RootModel[TakenEach | Taken]):
    """What became of what was delivered."""


class Summary(BaseModel):
    """Where an order stands."""

    order_id: str | None
    uid: str
    status: str
    attempt: int
    paused: bool
    error: str | None
    wanted: bool
    cancelling: bool


class Start(Summary):
    """What an order's workflow is started with."""

    secret: str
    terms: Terms | None
    progress: str
    start: bool


class Content(BaseModel):
    """The order as the client sent it."""

    order_id: str
    pizza_type: str
    size: str


class Unsettled(BaseModel):
    """The open orders that need something, the progress of those that the engine has to move on, and the stuck ones."""

    orders: list["UnsettledOrder"]
    progress: dict[str, str]
    stuck: list[str]


class UnsettledOrder(BaseModel):
    """One of them, and what it needs."""

    order_id: str
    attempt: int
    need: str


class PageQuery(Request):
    """Which page of the index was looked through last; -1: none yet."""

    after: int = Field(-1, ge=-1)


class EndedOrder(Request):
    """An order, and which of those that have had its id."""

    order_id: OrderId
    uid: str = Field(max_length=64)


class PurgedOrders(Request):
    """The orders of which the engine keeps nothing any more."""

    orders: list[EndedOrder] = Field(max_length=PAGE_SIZE)


class Due(BaseModel):
    """Whose workflow has been kept long enough, and the page of the index to go on after."""

    orders: list[EndedOrder]
    next: int | None


class EventRow(BaseModel):
    """An event that is kept aside: since when, why, and of which order, where it tells."""

    id: str
    at: str
    reason: str | None
    order_id: str | None


class EventPage(BaseModel):
    """Kept events, newest first; `next` is the `after` of the next page, if there is one."""

    events: list[EventRow]
    next: str | None


class KeptEvent(EventRow):
    """One of them, with the event as it came."""

    event: Any


class Replayed(EventRow):
    """Whether it is applied; where not, `reason` says why."""

    replayed: bool


class ReplayedPage(BaseModel):
    """The same of several."""

    events: list[Replayed]
    next: str | None
