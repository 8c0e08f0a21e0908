"""Steering: to suspend and to resume a workflow are one caller's business at a time, whichever process he is in.

The engine answers before it has acted. Suspended twice, a workflow never goes on; resumed while it runs, it fails: the
SDK's worker (1.18.3) takes neither. So whoever steers holds this lease, looks first, and waits until it is done.
"""

from pydantic import Field

from pizzashop.domain.claims import Run
from pizzashop.domain.known import Lease
from pizzashop.domain.record import Record
from pizzashop.domain.requests import Request

STEERING_SECONDS = 12.0
"""Longer than the engine's calls may take; a dead caller's lease ends then."""


class Steer(Request):
    """A caller asks to steer, or gives it back: not `done` where it is not known what the engine has heard."""

    run: Run
    release: bool = False
    done: bool = True


class Turn(Request):
    """Whether the caller may steer now; if not, for how many seconds at most another does."""

    granted: bool
    seconds: float = Field(0.0, ge=0)


def steer(record: Record, asked: Steer, now: float) -> Turn:
    """Grant the steering where nobody has it; `now` in seconds since the epoch. Raises Conflict for a closed order."""
    held = record.steering
    if held is not None and held.run != asked.run and held.until > now:
        return Turn(granted=False, seconds=held.until - now)
    record.require_open("paused or resumed")
    until = now + STEERING_SECONDS
    record.steering = Lease(step="steer", attempt=record.attempt, run=asked.run, until=until)
    return Turn(granted=True)


def release(record: Record, asked: Steer, now: float) -> Turn:
    """Give it back, if it is still the caller's; one that is not done leaves its lease, over, for the sweep to see."""
    held = record.steering
    if held is not None and held.run == asked.run:
        record.steering = None if asked.done else held.model_copy(update={"until": now})
    return Turn(granted=False)
