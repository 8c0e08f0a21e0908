"""Takes the steering of an order from its record, waits for it where another has it, and gives it back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar
from uuid import uuid4

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from pizzashop.domain.errors import NotFound, Unavailable
from pizzashop.domain.steering import STEERING_SECONDS, Turn
from pizzashop.roles import ORDER
from pizzashop.sidecar import Sidecar
from pizzashop.workflow.summary import Summary, summary

T = TypeVar("T")


class Taken(Unavailable):
    """Another caller steers this order."""


@contextmanager
def steering(sidecar: Sidecar, order_id: str) -> Iterator[str]:
    """Hold the steering of the order, in the name of the run that this answers; raises NotFound or Conflict where there
    is nothing to steer.

    After an error nobody knows what the engine has heard: the sweep then brings it in line with the record.
    """
    path, run = f"/order/{order_id}/steer", uuid4().hex

    def take() -> None:
        if not Turn.parse(sidecar.invoke(ORDER, "POST", path, {"run": run})).granted:
            raise Taken("Another command is at work on this order: ask again in a moment")

    _patiently(take)
    done = False
    try:
        yield run
        done = True
    finally:
        # Where the record cannot be reached the lease ends by itself.
        with suppress(Unavailable, NotFound):
            sidecar.invoke(ORDER, "POST", path, {"run": run, "release": True, "done": done})


def wait_for_turn(sidecar: Sidecar, order_id: str) -> Summary:
    """Wait until nobody steers the order any more: for who ends it, and so needs no turn of his own. Answers where it
    stands then."""

    def look() -> Summary:
        record = summary(sidecar, order_id)
        if record["steered"] > 0:
            raise Taken("Another command is at work on this order: ask again in a moment")
        return record

    return _patiently(look)


def _patiently(call: Callable[[], T]) -> T:
    retrying = Retrying(
        retry=retry_if_exception_type(Taken),
        wait=wait_random_exponential(multiplier=0.01, max=0.3),
        stop=stop_after_delay(STEERING_SECONDS),
        reraise=True,
    )
    return retrying(call)
