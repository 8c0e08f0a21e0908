"""A list of words in the state store that several processes change; the ETag decides who was first."""

import json
from collections.abc import Callable
from itertools import accumulate

from pizzashop.domain.errors import Broken, Unavailable
from pizzashop.sidecar import Sidecar, Stale
from pizzashop.together import Together

TRIES = 50


Change = Callable[[list[str]], list[str]]


class Cell:
    """One key of the state store that holds a list of strings; what was seen last saves most reads."""

    def __init__(self, sidecar: Sidecar, key: str) -> None:
        self._sidecar, self._key = sidecar, key
        self._seen: tuple[list[str], str] | None = None
        self._change_together = Together(self._change_all)

    def read(self) -> list[str]:
        """The list as the store has it now."""
        return self._load()[0]

    def update(self, change: Change) -> list[str]:
        """Write what `change` makes of the list: of the newer one, where another writer came first."""
        return self._change_together(change)

    def _change_all(self, changes: list[Change]) -> list[list[str]]:
        """Make all the changes, one after another, and write what comes of them once; answers what each has made."""
        for _ in range(TRIES):
            seen, self._seen = self._seen, None
            words, etag = seen or self._load()
            made = list(accumulate(changes, lambda before, change: change(before), initial=words))[1:]
            if made[-1] == words and seen is None:
                return made
            # Where only what was seen last says that nothing is to change, the store is asked.
            if made[-1] != words and self._saved(made[-1], etag):
                return made
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
