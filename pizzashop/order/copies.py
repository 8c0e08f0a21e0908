"""What a process itself wrote last, for a few seconds: who changes a record again need not read it before.

A copy may be out of date: then the write on it is refused, as its ETag is, and the store is read after all. It must be
young, since the store takes a write with any ETag where the key is gone: what is deleted stays for longer than a copy.
"""

import threading
import time
from collections import OrderedDict

from pizzashop.sidecar import Stored, Write

SECONDS = 5.0
MOST = 1000


class Copies:
    """The copies by key, at most `most`; for any number of threads."""

    def __init__(self, seconds: float = SECONDS, most: int = MOST) -> None:
        self._seconds, self._most = seconds, most
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[Stored, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: str) -> Stored | None:
        """The copy, where there is one that is young enough."""
        kept = self._kept.get(key)
        return None if kept is None or self._is_old(kept) else kept[0]

    def keep(self, write: Write) -> None:
        """This was written just now."""
        etag = write.etag or "0"
        if not etag.isdecimal():
            return
        # Redis counts a key's writes; where this guess is wrong, the next write is refused and reads first.
        stored = Stored(write.value.encode(), str(int(etag) + 1))
        with self._lock:
            self._kept[write.key] = stored, time.monotonic()
            self._kept.move_to_end(write.key)
            while self._kept and (len(self) > self._most or self._is_old(next(iter(self._kept.values())))):
                self._kept.popitem(last=False)

    def drop(self, key: str) -> None:
        """It is not, or may not be, what the store has."""
        with self._lock:
            self._kept.pop(key, None)

    def _is_old(self, kept: tuple[Stored, float]) -> bool:
        return time.monotonic() - kept[1] >= self._seconds
