"""Sessions that were signed out: a browser keeps its session, so the shop records which ones are no longer valid.

Each is an empty file: all processes of the role see it, and two processes that write at once do not conflict.
"""

import json
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any


class SignedOut:
    """The sessions that were signed out within the last `seconds`: older ones have run out anyway."""

    def __init__(self, directory: Path, seconds: float) -> None:
        self._directory, self._seconds = directory, seconds

    def add(self, session: Mapping[str, Any]) -> None:
        """Note that this session was signed out. Idempotent."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._file(session).touch(mode=0o600)
        for old in self._directory.iterdir():
            if time.time() - old.stat().st_mtime > self._seconds:
                old.unlink(missing_ok=True)

    def __contains__(self, session: Mapping[str, Any]) -> bool:
        return self._file(session).exists()

    def _file(self, session: Mapping[str, Any]) -> Path:
        return self._directory / sha256(json.dumps(session, sort_keys=True).encode()).hexdigest()[:32]
