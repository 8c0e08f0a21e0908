"""The heartbeat of a long activity: every 15 seconds it writes to the order's record that it is still running.

So the sweep can tell two orders apart: one whose step waits (for a role that is down, say), and one that the engine
lost.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from pizzashop.domain.errors import Refused, Unavailable
from pizzashop.roles import ORDER
from pizzashop.sidecar import Sidecar

EVERY_SECONDS = 15.0
"""Longer than any step takes at pace 1 (13 s), so that an order without delay sends no heartbeat."""

log = logging.getLogger(__name__)


@asynccontextmanager
async def heartbeat(sidecar: Sidecar, order_id: str, uid: str | None) -> AsyncIterator[None]:
    """Note in the order's record, every EVERY_SECONDS, that an activity of the order is still running."""
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
            # A missed heartbeat is harmless: while role `order` is down the sweep finds no stuck orders either.
            log.debug("no heartbeat: %s", error, extra={"order": order_id})
