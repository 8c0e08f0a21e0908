"""Takes the steering of an order from its record, waits for it where another has it, and gives it back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from pizzashop.domain.errors import NotFound, Unavailable
from pizzashop.domain.steering import STEERING_SECONDS, Turn
from pizzashop.roles import ORDER
from pizzashop.sidecar import Sidecar


class Taken(Unavailable):
    """Another caller steers this order."""


@contextmanager
def steering(sidecar: Sidecar, order_id: str) -> Iterator[None]:
    """Hold the steering of the order; raises NotFound or Conflict where there is nothing to steer.

    After Unavailable nobody knows whether the engine has heard it: the sweep then brings it in line with the record.
    """
    path, run = f"/order/{order_id}/steer", uuid4().hex

    def take() -> None:
        if not Turn.parse(sidecar.invoke(ORDER, "POST", path, {"run": run})).granted:
            raise Taken("Another command is at work on this order: ask again in a moment")

    _patiently(take)
    done = True
    try:
        yield
    except Unavailable:
        done = False
        raise
    finally:
        # Where the record cannot be reached the lease ends by itself.
        with suppress(Unavailable, NotFound):
            sidecar.invoke(ORDER, "POST", path, {"run": run, "release": True, "done": done})


def wait_for_turn(sidecar: Sidecar, order_id: str) -> None:
    """Wait until nobody steers the order any more: for who ends it, and so needs no turn of his own."""

    def look() -> None:
        if sidecar.invoke(ORDER, "GET", f"/order/{order_id}/summary")["steered"] > 0:
            raise Taken("Another command is at work on this order: ask again in a moment")

    _patiently(look)


def _patiently(call: Callable[[], None]) -> None:
    retrying = Retrying(
        retry=retry_if_exception_type(Taken),
        wait=wait_random_exponential(multiplier=0.01, max=0.3),
        stop=stop_after_delay(STEERING_SECONDS),
        reraise=True,
    )
    retrying(call)
