"""A process starts no more orders than it can handle at the same time."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pizzashop.errors import Unavailable
from pizzashop.workflow.capacity import Capacity


def start(capacity: Capacity, order_id: str) -> None:
    with capacity.start_order(order_id):
        pass


def test_no_order_is_started_beyond_the_limit() -> None:
    capacity = Capacity(2)
    start(capacity, "1")
    with capacity.run_activity("2"), pytest.raises(Unavailable):
        start(capacity, "3")
    start(capacity, "3")


def test_an_order_whose_first_activity_runs_is_counted_once() -> None:
    capacity = Capacity(2)
    start(capacity, "1")
    with capacity.run_activity("1"):
        start(capacity, "2")


def test_only_a_limited_number_of_starts_is_in_flight() -> None:
    capacity = Capacity(9, max_starts=1, start_wait_seconds=0.01)
    with capacity.start_order("1"), pytest.raises(Unavailable):
        start(capacity, "2")
    start(capacity, "2")


def test_orders_of_a_burst_wait_for_each_other_and_are_all_started() -> None:
    capacity = Capacity(9, max_starts=1, start_wait_seconds=60)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: start(capacity, str(number)), range(8)))


def test_an_order_whose_start_failed_is_not_counted() -> None:
    capacity = Capacity(1)
    with pytest.raises(KeyError), capacity.start_order("1"):
        raise KeyError
    start(capacity, "2")


def test_an_order_that_begins_in_another_process_is_counted_only_for_a_while() -> None:
    capacity = Capacity(1, begin_seconds=0)
    start(capacity, "1")
    start(capacity, "2")
