"""The lease on suspending and resuming a workflow: one caller at a time, whichever process it runs in.

The engine answers before it has acted. A workflow that is resumed while it runs fails, and one that is suspended twice
may never go on: defects of the SDK's worker 1.18.3. So a caller takes this lease first, looks at the workflow's status,
and waits until the engine has acted.
"""

from typing import Annotated

from pydantic import Field

from pizzashop.domain.record import Record
from pizzashop.domain.requests import OrderCommand, Request
from pizzashop.errors import Conflict

# Longer than the calls to the engine usually take. After it, a caller that is still at work may not write the record,
# and the lease of a crashed one is over.
SUSPENSION_LEASE_SECONDS = 12.0
# How long a client waits for a command: a pause may wait for the lease of another command, then for the engine.
COMMAND_TIMEOUT_SECONDS = SUSPENSION_LEASE_SECONDS + 6.0

HolderId = Annotated[str, Field(min_length=1, max_length=64)]


class SuspensionClaim(Request):
    """The request of a caller for the lease, or for its release; `holder` is an id that the caller made.

    Without `engine_acted` the caller does not know whether engine and record agree.
    """

    holder: HolderId
    release: bool = False
    engine_acted: bool = True


class MarkCommand(OrderCommand):
    """The request to mark the order as paused, resumed or being cancelled.

    A pause or resume names the `holder` of the lease: it comes after the engine has acted.
    """

    holder: HolderId | None = None


class SuspensionAnswer(Request):
    """Whether the caller has the lease now."""

    granted: bool


def claim_suspension(record: Record, claim: SuspensionClaim, now: float) -> SuspensionAnswer:
    """Grant the lease when nobody has it; `now` in epoch seconds. Raise Conflict when the order is closed."""
    lease = record.suspension_lease
    if lease is not None and lease.holder != claim.holder and lease.seconds_left(now, SUSPENSION_LEASE_SECONDS):
        return SuspensionAnswer(granted=False)
    # An ended order with a lease left may still be resumed once: its workflow was suspended (`Record.end`).
    if not record.is_final or lease is None:
        record.require_open("paused or resumed")
    record.lease_suspension(claim.holder, now + SUSPENSION_LEASE_SECONDS)
    return SuspensionAnswer(granted=True)


def release_suspension(record: Record, claim: SuspensionClaim) -> SuspensionAnswer:
    """Release the lease if the caller has it. If the engine may not have acted, the reconciler has to act."""
    lease = record.suspension_lease
    if lease is None or lease.holder == claim.holder:
        record.suspension_lease = None
        if not (claim.engine_acted or record.deleted):
            record.request_reapply()
    return SuspensionAnswer(granted=False)


def require_suspension_lease(record: Record, holder: str | None) -> None:
    """Raise Conflict unless `holder` has the lease: another caller may have taken it over after it ended."""
    if (record.suspension_lease.holder if record.suspension_lease is not None else None) != holder:
        raise Conflict("Another command came first: look what has become of the order, and ask again")
