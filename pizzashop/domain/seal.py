"""Seals: how the workflow knows, without asking, that a decision was recorded before it was raised.

The record keeps a secret. The plan of its workflow holds the print of one seal for each attempt, and an event that the
shop raises shows the seal itself: whoever reads the plan in the engine cannot make it from that.
"""

from hashlib import sha256
from typing import Any


def seal(secret: str, attempt: int) -> str:
    """What the shop shows with its decision on this attempt."""
    return _hash(f"{secret} {attempt}")


def prints(secret: str, attempts: int) -> list[str]:
    """What the workflow is given of the seals of so many attempts."""
    return [_hash(seal(secret, attempt)) for attempt in range(1, attempts + 1)]


def fits(known: list[str], attempt: int, shown: Any) -> bool:
    """Whether what an event shows is the seal of this attempt."""
    return isinstance(shown, str) and known[attempt - 1 : attempt] == [_hash(shown)]


def _hash(text: str) -> str:
    return sha256(text.encode(errors="replace")).hexdigest()
