"""The lease on suspending and resuming a workflow: one caller at a time, whichever process it runs in.

The engine answers before it has acted. A workflow that is suspended twice never goes on, and one that is resumed while
it runs fails: the SDK's worker 1.18.3 has these defects. So a caller takes this lease first, looks at the workflow's
status, and waits until the engine has acted.
"""

from pizzashop.domain.claims import RunId
from pizzashop.domain.record import Record
from pizzashop.domain.requests import OrderCommand, Request
from pizzashop.errors import Conflict

# Longer than the calls to the engine take; the lease of a crashed caller ends then.
SUSPENSION_LEASE_SECONDS = 12.0


class SuspensionClaim(Request):
    """The request of a caller for the lease, or for its release.

    A release is not `settled` when the caller does not know whether engine and record agree.
    """

    run: RunId
    release: bool = False
    settled: bool = True


class SuspensionCommand(OrderCommand):
    """The request to mark the order, after the engine has acted; `run` is the caller that holds the lease."""

    run: RunId | None = None


class SuspensionAnswer(Request):
    """Whether the caller has the lease now."""

    granted: bool


def claim_suspension(record: Record, claim: SuspensionClaim, now: float) -> SuspensionAnswer:
    """Grant the lease when nobody has it; `now` in epoch seconds. Raise Conflict when the order is closed."""
    lease = record.suspension_lease
    if lease is not None and lease.run != claim.run and lease.seconds_left(now, SUSPENSION_LEASE_SECONDS):
        return SuspensionAnswer(granted=False)
    if not record.is_final or lease is None:
        record.require_open("paused or resumed")
    record.lease_suspension(claim.run, now + SUSPENSION_LEASE_SECONDS)
    return SuspensionAnswer(granted=True)


def release_suspension(record: Record, claim: SuspensionClaim, now: float) -> SuspensionAnswer:
    """Release the lease if the caller has it. When it is not settled, leave an ended lease for the reconciler."""
    lease = record.suspension_lease
    if lease is None or lease.run == claim.run:
        record.suspension_lease = None
        if not (claim.settled or record.deleted):
            record.lease_suspension(claim.run, now)
    return SuspensionAnswer(granted=False)


def require_suspension_lease(record: Record, run: str | None) -> None:
    """Raise Conflict unless `run` has the lease: another caller may have taken it over after it ended."""
    if (record.suspension_lease.run if record.suspension_lease is not None else None) != run:
        raise Conflict("Another command came first: look what has become of the order, and ask again")
