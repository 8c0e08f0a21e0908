"""A list of words in the state store that several processes change; the ETag decides who was first."""

import json
import threading
from collections.abc import Callable

from pizzashop.domain.errors import Broken, Unavailable
from pizzashop.sidecar import Sidecar, Stale

TRIES = 50


class Cell:
    """One key of the state store that holds a list of strings; what was seen last saves most reads."""

    def __init__(self, sidecar: Sidecar, key: str) -> None:
        self._sidecar, self._key = sidecar, key
        self._lock = threading.Lock()
        self._seen: tuple[list[str], str] | None = None

    def read(self) -> list[str]:
        """The list as the store has it now."""
        return self._load()[0]

    def update(self, change: Callable[[list[str]], list[str]]) -> list[str]:
        """Write what `change` makes of the list: of the newer one, where another writer came first."""
        with self._lock:
            for _ in range(TRIES):
                seen, self._seen = self._seen, None
                words, etag = seen or self._load()
                changed = change(words)
                if changed == words and seen is None:
                    return words
                # Where only what was seen last says that nothing is to change, the store is asked.
                if changed != words and self._saved(changed, etag):
                    return changed
        raise Unavailable(f"{self._key} is written to by too many at once")

    def _saved(self, words: list[str], etag: str) -> bool:
        try:
            self._sidecar.save(self._key, json.dumps(words), etag)
        except Stale:
            return False
        # Redis counts a key's writes; where this guess is wrong, the next write is refused and reads first.
        self._seen = words, str(int(etag or 0) + 1)
        return True

    def _load(self) -> tuple[list[str], str]:
        stored = self._sidecar.load(self._key)
        try:
            return (json.loads(stored.value) if stored.value else []), stored.etag
        except ValueError:
            raise Broken(f"{self._key} in the store cannot be read") from None
