"""What the application of any role is given to work with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pizzashop.access.door import Door
from pizzashop.means import Gate
from pizzashop.sidecar import Sidecar

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Parts:
    """The sidecar that its role talks through, the gate and the door of its process, and the clock."""

    sidecar: Sidecar
    gate: Gate
    clock: Clock = utc_now
    door: Door = field(default_factory=Door)
