"""A heartbeat: while an activity takes long, its order's record hears now and then that it is under way.

So the reconciler can tell an order whose step waits (for a role that is away, say) from one that the engine has lost.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from pizzashop.domain.errors import Refused, Unavailable
from pizzashop.roles import ORDER
from pizzashop.sidecar import Sidecar

EVERY_SECONDS = 15.0
"""Longer than any step takes at the workshop's pace: an order on its way costs no heartbeat."""

log = logging.getLogger(__name__)


@asynccontextmanager
async def heartbeat(sidecar: Sidecar, order_id: str, uid: str | None) -> AsyncIterator[None]:
    """Tell the record of the order, every few seconds, that something is under way for it."""
    beating = asyncio.create_task(_beat(sidecar, order_id, uid))
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


async def _beat(sidecar: Sidecar, order_id: str, uid: str | None) -> None:
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await sidecar.ainvoke(ORDER, f"/order/{order_id}/heartbeat", {"uid": uid}, EVERY_SECONDS)
        except (Refused, Unavailable) as error:
            # While role `order` is away nobody else can look after the order either.
            log.debug("no heartbeat: %s", error, extra={"order": order_id})
