"""Steering: to suspend and to resume a workflow are one caller's business at a time, whichever process he is in.

The engine answers before it has acted. Suspended twice, a workflow never goes on; resumed while it runs, it fails: the
SDK's worker (1.18.3) takes neither. So whoever steers holds this lease, looks first, and waits until it is done.
"""

from pydantic import Field

from pizzashop.domain.claims import Run
from pizzashop.domain.errors import Conflict
from pizzashop.domain.record import Record
from pizzashop.domain.requests import OrderRef, Request

STEERING_SECONDS = 12.0
"""Longer than the engine's calls take; a dead caller's lease ends then, and that of one who was held up."""


class Steer(Request):
    """A caller asks to steer, or gives it back: not `done` where it is not known what the engine has heard."""

    run: Run
    release: bool = False
    done: bool = True


class Steered(OrderRef):
    """What the engine was told is to be written to the record, by the `run` that steers."""

    run: Run | None = None


class Turn(Request):
    """Whether the caller may steer now; if not, for how many seconds at most another does."""

    granted: bool
    seconds: float = Field(0.0, ge=0)


def steer(record: Record, asked: Steer, now: float) -> Turn:
    """Grant the steering where nobody has it; `now` in seconds since the epoch. Raises Conflict for a closed order."""
    held = record.steering
    if held is not None and held.run != asked.run and (left := held.left(now, STEERING_SECONDS)):
        return Turn(granted=False, seconds=left)
    if not record.final or held is None:
        record.require_open("paused or resumed")
    record.steering = record.steered_by(asked.run, now + STEERING_SECONDS)
    return Turn(granted=True)


def release(record: Record, asked: Steer, now: float) -> Turn:
    """Give it back, if nobody else has it; one that is not done leaves a lease that is over, for the sweep to see."""
    held = record.steering
    if held is not None and held.run != asked.run:
        return Turn(granted=False, seconds=held.left(now, STEERING_SECONDS))
    record.steering = None if asked.done or record.deleted else record.steered_by(asked.run, now)
    return Turn(granted=False)


def require_held(record: Record, run: str | None) -> None:
    """Raise Conflict where the caller was held up for so long that another steers, or has done so, meanwhile."""
    if (record.steering.run if record.steering is not None else None) != run:
        raise Conflict("Another command came first: look what has become of the order, and ask again")
