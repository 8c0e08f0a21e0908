"""A cache of order contents for the activities.

The content does not pass through the engine, which would store a copy at every step. It never changes, so the content
of an order that this process accepted lately need not be read from the record.
"""

import json
import threading
from collections import OrderedDict
from typing import Any

from pizzashop.roles import ORDER
from pizzashop.sidecar import Sidecar

MOST_CHARACTERS = 8 * 1024 * 1024
"""The size of the cache; beyond it the oldest contents are dropped and read from the record when needed."""

Key = tuple[str, str]


class Contents:
    """The contents by order id and uid, the latest `most` characters of them; for any number of threads."""

    def __init__(self, sidecar: Sidecar, most: int = MOST_CHARACTERS) -> None:
        self._sidecar, self._most = sidecar, most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, str] = OrderedDict()
        self._size = 0

    def keep(self, order_id: str, uid: str, content: dict[str, Any]) -> None:
        """Remember the content of an order that was accepted."""
        text = json.dumps(content)
        with self._lock:
            self._size += len(text) - len(self._kept.pop((order_id, uid), ""))
            self._kept[order_id, uid] = text
            while self._size > self._most:
                self._size -= len(self._kept.popitem(last=False)[1])

    async def of(self, order_id: str, uid: str | None) -> dict[str, Any]:
        """Answer the content; raises NotFound where the order was deleted, and Unavailable."""
        text = self._kept.get((order_id, uid or ""))
        if text is not None:
            kept: dict[str, Any] = json.loads(text)
            return kept
        path = f"/order/{order_id}/content"
        content: dict[str, Any] = await self._sidecar.ainvoke(ORDER, path, {"uid": uid}, 10.0)
        if uid is not None:
            self.keep(order_id, uid, content)
        return content
