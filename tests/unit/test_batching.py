"""Calls that arrive together, or while one is in flight, are batched.

Each caller gets its own result, and none waits for ever.
"""

import threading
from collections.abc import Sequence

import pytest

from pizzashop.dapr.batching import Batcher
from pizzashop.errors import Unavailable

TIMEOUT_SECONDS = 5.0


class BlockingDoubler:
    """Double the numbers of a batch, and raise for negative ones. The first batch blocks until `release` is set."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.started, self.release = threading.Event(), threading.Event()

    def __call__(self, numbers: list[int]) -> Sequence[int | Exception]:
        self.batches.append(numbers)
        self.started.set()
        assert self.release.wait(TIMEOUT_SECONDS)
        return [ValueError(number) if number < 0 else 2 * number for number in numbers]


class Caller(threading.Thread):
    """Call the batcher with one number, and keep the result or the error."""

    def __init__(self, batcher: Batcher[int, int], number: int) -> None:
        super().__init__()
        self._batcher, self._number = batcher, number
        self.result: int | str = ""

    def run(self) -> None:
        try:
            self.result = self._batcher(self._number)
        except (ValueError, Unavailable) as error:
            self.result = f"error: {error}"


def call_with_first_in_flight(
    doubler: BlockingDoubler, numbers: Sequence[int], max_items: int = 100
) -> list[int | str]:
    """Call with the first number, with the others while it is in flight, and return the results."""
    batcher = Batcher(doubler, max_items)
    callers = [Caller(batcher, number) for number in numbers]
    callers[0].start()
    assert doubler.started.wait(TIMEOUT_SECONDS)
    for count, caller in enumerate(callers[1:], 1):
        caller.start()
        while len(batcher._pending) < count:
            assert caller.is_alive()
    doubler.release.set()
    for caller in callers:
        caller.join(TIMEOUT_SECONDS)
    return [caller.result for caller in callers]


def test_a_single_call_runs_at_once() -> None:
    doubler = BlockingDoubler()
    doubler.release.set()
    batcher = Batcher(doubler)
    assert [batcher(1), batcher(2)] == [2, 4]
    assert doubler.batches == [[1], [2]]


def test_calls_that_arrive_while_one_is_in_flight_form_one_batch() -> None:
    doubler = BlockingDoubler()
    assert call_with_first_in_flight(doubler, [1, 2, 3, 4]) == [2, 4, 6, 8]
    assert doubler.batches == [[1], [2, 3, 4]]


def test_a_batch_has_a_maximum_size() -> None:
    doubler = BlockingDoubler()
    assert call_with_first_in_flight(doubler, [1, 2, 3, 4, 5, 6], max_items=2) == [2, 4, 6, 8, 10, 12]
    assert doubler.batches == [[1], [2, 3], [4, 5], [6]]


def test_an_error_of_one_item_is_raised_only_by_its_caller() -> None:
    assert call_with_first_in_flight(BlockingDoubler(), [1, -2, 3]) == [2, "error: -2", 6]


def test_an_error_of_the_batch_is_raised_by_every_caller_and_the_next_call_runs() -> None:
    def fail(numbers: list[int]) -> list[int]:
        raise KeyError(*numbers)

    batcher = Batcher(fail)
    for number in (1, 2):
        with pytest.raises(KeyError, match=str(number)):
            batcher(number)


def test_when_a_service_is_unavailable_pending_callers_do_not_wait_for_another_time_out() -> None:
    class UnavailableService(BlockingDoubler):
        def __call__(self, numbers: list[int]) -> Sequence[int | Exception]:
            super().__call__(numbers)
            raise Unavailable("no answer")

    service = UnavailableService()
    assert call_with_first_in_flight(service, [1, 2, 3]) == ["error: no answer"] * 3
    assert service.batches == [[1]]


def test_many_threads_that_call_at_once_all_get_their_results() -> None:
    doubler = BlockingDoubler()
    doubler.release.set()
    batcher = Batcher(doubler)
    callers = [Caller(batcher, number) for number in range(50)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(TIMEOUT_SECONDS)
    assert [caller.result for caller in callers] == [2 * number for number in range(50)]
    assert batcher(50) == 100


def test_a_call_waits_in_the_window_for_others_to_join_it() -> None:
    doubler = BlockingDoubler()
    doubler.release.set()
    batcher = Batcher(doubler, window_seconds=1.0)
    callers = [Caller(batcher, number) for number in (1, 2, 3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(TIMEOUT_SECONDS)
    assert [caller.result for caller in callers] == [2, 4, 6]
    assert [len(batch) for batch in doubler.batches] == [3]
