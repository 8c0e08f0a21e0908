"""One call to the workflow engine: tried again where that helps, and its errors as the shop says them."""

import logging
from collections.abc import Callable
from typing import TypeVar

import grpc
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from pizzashop.domain.errors import Conflict, NotFound, Unavailable
from pizzashop.replies import store_reason

CALL_SECONDS = 5
PASSING = ("transient", "failed to connect to all addresses")

T = TypeVar("T")

log = logging.getLogger(__name__)


class AlreadyThere(Exception):
    """A workflow of this id runs already."""


class Stalled(Unavailable):
    """The engine holds the workflow still: it will not run it as it stands."""


def call(what: Callable[[], T]) -> T:
    """Answer what the engine answers; raises NotFound, Conflict, AlreadyThere, Stalled or Unavailable."""
    retrying = Retrying(
        retry=retry_if_exception(_passes),
        wait=wait_random_exponential(multiplier=0.02, max=0.5),
        stop=stop_after_delay(CALL_SECONDS),
        reraise=True,
    )
    try:
        return retrying(what)
    except grpc.RpcError as error:
        raise _said(error) from error


def _passes(error: BaseException) -> bool:
    """Whether the engine may well answer the next time, and has not acted this time.

    Its reads fail now and then while it writes; and a sidecar that starts takes no connections yet.
    """
    return isinstance(error, grpc.RpcError) and any(each in _details(error) for each in PASSING)


def _said(error: grpc.RpcError) -> Exception:
    code = error.code() if isinstance(error, grpc.Call) else None
    details = _details(error)
    if code is grpc.StatusCode.ALREADY_EXISTS or "already exists" in details:
        return AlreadyThere()
    if code is grpc.StatusCode.NOT_FOUND or "no such instance" in details:
        return NotFound("The workflow engine does not know this order")
    if "not yet completed" in details:
        return Conflict("The order's workflow has not ended")
    if "actor is stalled" in details:
        return Stalled("The workflow engine holds this order's workflow still")
    log.warning("the workflow engine: %s %s", code.name if code else "", details)
    return Unavailable(_why(details) or "The workflow engine does not answer just now")


def _why(details: str) -> str:
    if "missing from state store" in details:
        # Left by a store out of memory: `pizzashop up` has the engine forget it once there is memory again.
        return "The workflow engine cannot read this order's workflow, of which the store has taken in only half"
    return store_reason(details)


def _details(error: grpc.RpcError) -> str:
    return (error.details() or "") if isinstance(error, grpc.Call) else str(error)
