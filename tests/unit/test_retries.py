"""A call is repeated while a service is unavailable, and no longer."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from pizzashop.dapr.retries import retry, retry_forever
from pizzashop.errors import NotFound, Unavailable


def failing(times: int, error: type[Exception] = Unavailable) -> Callable[[], str]:
    """Return a call that fails so many times."""
    errors = [error("away")] * times

    def call() -> str:
        if errors:
            raise errors.pop()
        return "done"

    return call


def test_a_call_is_repeated_until_it_succeeds() -> None:
    assert retry(failing(3), max_pause=0.001) == "done"


def test_a_refusal_is_not_repeated() -> None:
    with pytest.raises(NotFound):
        retry(failing(1, NotFound), max_pause=0.001)


def test_it_is_not_repeated_beyond_its_time() -> None:
    with pytest.raises(Unavailable):
        retry(failing(1_000_000), max_pause=0.001, seconds=0.01)


def test_it_is_not_repeated_in_a_process_that_stops() -> None:
    stopping = threading.Event()
    threading.Timer(0.05, stopping.set).start()
    began = time.monotonic()
    with pytest.raises(Unavailable):
        retry(failing(1_000_000), max_pause=60, stopping=stopping)
    assert time.monotonic() - began < 30


def test_a_coroutine_is_repeated_until_it_succeeds() -> None:
    call = failing(3)

    async def acall() -> str:
        return call()

    assert asyncio.run(retry_forever(acall, max_pause=0.001)) == "done"
