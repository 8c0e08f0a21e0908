"""No update of a record or of the index is lost to another, in one process or in several."""

import threading

import pytest
from fakes.shop import ORDER_123
from fakes.sidecar import FakeSidecar

from pizzashop.domain.errors import Conflict
from pizzashop.domain.history import Entry, now
from pizzashop.domain.order import WAY
from pizzashop.domain.record import Record
from pizzashop.order.records import Records


@pytest.fixture
def processes() -> list[Records]:
    """The records as two processes of role `order` see them."""
    sidecar = FakeSidecar()
    return [Records(sidecar), Records(sidecar)]


def hear(records: Records, status: str) -> bool:
    return records.change("123", lambda record: record.hear([Entry(status=status, at=now())]))


def test_a_change_that_came_second_is_made_again_on_top_of_the_first(processes: list[Records]) -> None:
    one, other = processes
    one.accept(ORDER_123, wanted=True)
    others_turn = iter([True])

    def change(record: Record) -> None:
        if next(others_turn, False):
            hear(other, "processing")
        record.pause(now(), None, None)

    one.change("123", change)
    record = other.get("123")
    assert (record.status, record.paused, record.version) == ("processing", True, 3)


def test_many_at_once_lose_nothing(processes: list[Records]) -> None:
    processes[0].accept(ORDER_123, wanted=False)
    threads = [threading.Thread(target=hear, args=(process, status)) for status in WAY[1:] for process in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record = processes[0].get("123")
    assert [entry.status for entry in record.history] == list(WAY)
    assert record.version == len(WAY)


def test_accepted_twice_at_once_it_is_one_order(processes: list[Records]) -> None:
    one, other = processes
    assert one.accept(ORDER_123, wanted=True).uid == other.accept(ORDER_123, wanted=True).uid
    with pytest.raises(Conflict):
        other.accept({**ORDER_123, "size": "small"}, wanted=True)


def test_both_write_to_one_index(processes: list[Records]) -> None:
    for number in range(6):
        processes[number % 2].accept({**ORDER_123, "order_id": str(number)}, wanted=True)
    for process in processes:
        assert [word for rows in process.pages.newest() for _, _, word in rows] == ["5", "4", "3", "2", "1", "0"]
        assert sorted(process.open.ids()) == ["0", "1", "2", "3", "4", "5"]


def test_an_order_that_has_ended_leaves_the_open_ones(processes: list[Records]) -> None:
    one, other = processes
    for number in range(4):
        one.accept({**ORDER_123, "order_id": str(number)}, wanted=True)
    one.change("1", lambda record: record.end("failed", now(), "no"))
    other.change("3", lambda record: record.end("delivered", now(), None))
    one.close(one.open.ids())
    assert sorted(one.open.ids()) == ["0", "2"]
