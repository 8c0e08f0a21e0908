"""What the routes for kept events answer, as models."""

from typing import Any

from pydantic import BaseModel


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
