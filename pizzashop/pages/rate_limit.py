"""How often somebody may try to sign in."""

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

OF_AN_ADDRESS, OF_A_NAME = parse("20/minute"), parse("6/minute")
"""How often one may try: from one address, and with one name."""


class SignInLimit:
    """Counts who tries to sign in how often."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def allow(self, address: str, name: str) -> bool:
        """Whether one may try once more now."""
        return self._limiter.hit(OF_AN_ADDRESS, "address", address) and self._limiter.hit(OF_A_NAME, "name", name)
