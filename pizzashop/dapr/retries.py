"""Retries: call again, after growing random pauses, while a service is unavailable."""

import threading
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, TypeVar

from tenacity import (
    AsyncRetrying,
    Retrying,
    retry_if_exception_type,
    stop_after_delay,
    stop_when_event_set,
    wait_random_exponential,
)
from tenacity.nap import sleep_using_event

from pizzashop.errors import Unavailable

T = TypeVar("T")


def retry(
    call: Callable[[], T],
    *,
    max_pause: float,
    on: type[Exception] = Unavailable,
    seconds: float = inf,
    stopping: threading.Event | None = None,
) -> T:
    """Return the result of `call`, and call it again while it raises `on`.

    A pause lasts at most `max_pause` seconds. Raise the last error after `seconds`, or once `stopping` is set.
    """
    event = stopping or threading.Event()
    stop = stop_when_event_set(event) | stop_after_delay(seconds)
    return Retrying(stop=stop, sleep=sleep_using_event(event), **_policy(on, max_pause))(call)


async def retry_forever(call: Callable[[], Awaitable[T]], *, max_pause: float) -> T:
    """Return the result of the coroutine `call`, and call it again while it raises Unavailable."""
    return await AsyncRetrying(**_policy(Unavailable, max_pause))(call)


def _policy(on: type[Exception], max_pause: float) -> dict[str, Any]:
    wait = wait_random_exponential(multiplier=max_pause / 40, max=max_pause)
    return {"retry": retry_if_exception_type(on), "wait": wait, "reraise": True}
