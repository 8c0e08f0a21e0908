"""No update of a record or of the index is lost to another, in one process or in several."""

import threading

import pytest
from fakes.shop import ORDER_123
from fakes.sidecar import FakeSidecar

from pizzashop.domain.history import Entry, utc_timestamp
from pizzashop.domain.lifecycle import HAPPY_PATH
from pizzashop.domain.record import Record
from pizzashop.errors import Conflict
from pizzashop.order.repository import Repository


@pytest.fixture
def processes() -> list[Repository]:
    """The records as two processes of role `order` see them."""
    sidecar = FakeSidecar()
    return [Repository(sidecar), Repository(sidecar)]


def hear(records: Repository, status: str) -> bool:
    return records.change("123", lambda record: record.hear([Entry(status=status, at=utc_timestamp())]))


def test_a_change_that_came_second_is_made_again_on_top_of_the_first(processes: list[Repository]) -> None:
    one, other = processes
    one.accept(ORDER_123, wanted=True)
    others_turn = iter([True])

    def change(record: Record) -> None:
        if next(others_turn, False):
            hear(other, "processing")
        record.pause(utc_timestamp(), None, None)

    one.change("123", change)
    record = other.get("123")
    assert (record.status, record.paused, record.version) == ("processing", True, 3)


def test_many_at_once_lose_nothing(processes: list[Repository]) -> None:
    processes[0].accept(ORDER_123, wanted=False)
    threads = [
        threading.Thread(target=hear, args=(process, status)) for status in HAPPY_PATH[1:] for process in processes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record = processes[0].get("123")
    assert [entry.status for entry in record.history] == list(HAPPY_PATH)
    assert record.version == len(HAPPY_PATH)


def test_accepted_twice_at_once_it_is_one_order(processes: list[Repository]) -> None:
    one, other = processes
    assert one.accept(ORDER_123, wanted=True).uid == other.accept(ORDER_123, wanted=True).uid
    with pytest.raises(Conflict):
        other.accept({**ORDER_123, "size": "small"}, wanted=True)


def test_both_write_to_one_index(processes: list[Repository]) -> None:
    for number in range(6):
        processes[number % 2].accept({**ORDER_123, "order_id": str(number)}, wanted=True)
    for process in processes:
        assert [word for rows in process.pages.newest() for _, _, word in rows] == ["5", "4", "3", "2", "1", "0"]
        assert sorted(process.open.ids()) == ["0", "1", "2", "3", "4", "5"]


def test_an_order_that_has_ended_leaves_the_open_ones(processes: list[Repository]) -> None:
    one, other = processes
    for number in range(4):
        one.accept({**ORDER_123, "order_id": str(number)}, wanted=True)
    one.change("1", lambda record: record.end("failed", utc_timestamp(), "no"))
    other.change("3", lambda record: record.end("delivered", utc_timestamp(), None))
    one.close(one.open.ids())
    assert sorted(one.open.ids()) == ["0", "2"]
