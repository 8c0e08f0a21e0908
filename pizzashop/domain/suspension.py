"""Steering: to suspend and to resume a workflow are one caller's business at a time, whichever process he is in.

The engine answers before it has acted. Suspended twice, a workflow never goes on; resumed while it runs, it fails: the
SDK's worker (1.18.3) takes neither. So whoever steers holds this lease, looks first, and waits until it is done.
"""

from pydantic import Field

from pizzashop.domain.claims import Run
from pizzashop.domain.record import Record
from pizzashop.domain.requests import OrderRef, Request
from pizzashop.errors import Conflict

SUSPENSION_LEASE_SECONDS = 12.0
"""Longer than the engine's calls take; a dead caller's lease ends then, and that of one who was held up."""


class SuspensionClaim(Request):
    """A caller asks to steer, or gives it back: not `done` where it is not known what the engine has heard."""

    run: Run
    release: bool = False
    done: bool = True


class SuspensionCommand(OrderRef):
    """What the engine was told is to be written to the record, by the `run` that steers."""

    run: Run | None = None


class SuspensionAnswer(Request):
    """Whether the caller may steer now; if not, for how many seconds at most another does."""

    granted: bool
    seconds: float = Field(0.0, ge=0)


def claim_suspension(record: Record, asked: SuspensionClaim, now: float) -> SuspensionAnswer:
    """Grant the steering where nobody has it; `now` in seconds since the epoch. Raises Conflict for a closed order."""
    held = record.steering
    if held is not None and held.run != asked.run and (left := held.left(now, SUSPENSION_LEASE_SECONDS)):
        return SuspensionAnswer(granted=False, seconds=left)
    if not record.final or held is None:
        record.require_open("paused or resumed")
    record.steering = record.steered_by(asked.run, now + SUSPENSION_LEASE_SECONDS)
    return SuspensionAnswer(granted=True)


def release_suspension(record: Record, asked: SuspensionClaim, now: float) -> SuspensionAnswer:
    """Give it back, if nobody else has it; one that is not done leaves a lease that is over, for the sweep to see."""
    held = record.steering
    if held is not None and held.run != asked.run:
        return SuspensionAnswer(granted=False, seconds=held.left(now, SUSPENSION_LEASE_SECONDS))
    record.steering = None if asked.done or record.deleted else record.steered_by(asked.run, now)
    return SuspensionAnswer(granted=False)


def require_held(record: Record, run: str | None) -> None:
    """Raise Conflict where the caller was held up for so long that another steers, or has done so, meanwhile."""
    if (record.steering.run if record.steering is not None else None) != run:
        raise Conflict("Another command came first: look what has become of the order, and ask again")
