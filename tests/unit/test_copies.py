"""What was written last saves a read, as long as nothing depends on its being the newest."""

import pytest
from fakes.shop import ORDER_123
from fakes.sidecar import FakeSidecar

from pizzashop.dapr.sidecar import StoredValue, Write
from pizzashop.domain.history import HistoryEntry, utc_timestamp
from pizzashop.domain.record import Record
from pizzashop.errors import Conflict
from pizzashop.order.cache import WriteCache
from pizzashop.order.repository import Repository


class TestCopies:
    def test_the_last_write_with_the_etag_that_it_made(self) -> None:
        copies = WriteCache()
        copies.keep(Write("a", "one", ""))
        copies.keep(Write("b", "two", "7"))
        assert (copies.get("a"), copies.get("b"), copies.get("c")) == (StoredValue(b"one", "1"), StoredValue(b"two", "8"), None)

    def test_none_that_is_old(self) -> None:
        copies = WriteCache(seconds=0)
        copies.keep(Write("a", "one", ""))
        assert copies.get("a") is None

    def test_none_that_was_dropped(self) -> None:
        copies = WriteCache()
        copies.keep(Write("a", "one", ""))
        copies.drop("a")
        copies.drop("b")
        assert copies.get("a") is None

    def test_no_more_than_so_many_the_oldest_goes(self) -> None:
        copies = WriteCache(most=2)
        for key in ("a", "b", "a", "c"):
            copies.keep(Write(key, "x", ""))
        assert [key for key in "abc" if copies.get(key)] == ["a", "c"]

    def test_what_is_old_is_not_held(self) -> None:
        copies = WriteCache(seconds=0)
        copies.keep(Write("a", "one", ""))
        copies.keep(Write("b", "two", ""))
        assert len(copies) == 0

    def test_none_where_the_store_counts_otherwise(self) -> None:
        copies = WriteCache()
        copies.keep(Write("a", "one", "5f3a"))
        assert copies.get("a") is None


class TestTwoProcesses:
    @pytest.fixture
    def sidecar(self) -> FakeSidecar:
        return FakeSidecar()

    @pytest.fixture
    def processes(self, sidecar: FakeSidecar) -> list[Repository]:
        """Two processes of role `order`, of which the first has written the order last."""
        one, other = Repository(sidecar), Repository(sidecar)
        one.accept(ORDER_123, with_workflow=True)
        return [one, other]

    def test_a_change_needs_no_read(self, sidecar: FakeSidecar, processes: list[Repository]) -> None:
        reads = sidecar.count_reads()
        hear(processes[0], "processing")
        assert reads == []
        assert processes[0].get("123").status == "processing"

    def test_a_copy_that_is_not_the_newest_is_not_written_over_it(self, processes: list[Repository]) -> None:
        one, other = processes
        hear(other, "validating")
        hear(one, "processing")
        record = other.get("123")
        assert [entry.status for entry in record.history] == ["accepted", "validating", "processing"]

    def test_no_refusal_comes_from_a_copy(self, processes: list[Repository]) -> None:
        one, other = processes
        one.change("123", lambda record: record.cancel(utc_timestamp(), None, None))
        other.change("123", lambda record: record.end("cancelled", utc_timestamp(), None))
        other.change("123", lambda record: record.delete(utc_timestamp()))
        other.accept(ORDER_123, with_workflow=True)
        one.change("123", lambda record: record.pause(utc_timestamp(), None, None))
        assert other.get("123").paused

    def test_and_no_answer_where_nothing_changes(self, processes: list[Repository]) -> None:
        one, other = processes
        other.change("123", lambda record: record.pause(utc_timestamp(), None, None))
        assert one.change("123", lambda record: record.paused)

    def test_unless_it_is_enough_to_know_what_once_was(self, sidecar: FakeSidecar, processes: list[Repository]) -> None:
        hear(processes[0], "processing")
        reads = sidecar.count_reads()
        answers = processes[0].change_many({"123": lambda record: len(record.history)}, trusting=True)
        assert (answers, reads) == ({"123": 2}, [])

    def test_not_even_then_a_refusal(self, processes: list[Repository]) -> None:
        one, other = processes
        other.change("123", lambda record: record.pause(utc_timestamp(), None, None))

        def must_be_paused(record: Record) -> bool:
            if not record.paused:
                raise Conflict("not paused")
            return True

        assert one.change_many({"123": must_be_paused}, trusting=True) == {"123": True}


def test_many_changes_are_one_write_and_each_counts_for_itself() -> None:
    sidecar = FakeSidecar()
    one, other = Repository(sidecar), Repository(sidecar)
    for order_id in "abc":
        one.accept({**ORDER_123, "order_id": order_id}, with_workflow=True)
    other.change("b", lambda record: record.pause(utc_timestamp(), None, None))

    def pause(record: Record) -> str:
        record.resume(utc_timestamp(), None, None)
        record.apply_stages([HistoryEntry(status="processing", at=utc_timestamp())])
        return record.status

    answers = one.change_many(dict.fromkeys("abcd", pause))
    assert [answers[order_id] for order_id in "abc"] == ["processing"] * 3
    assert str(answers["d"]) == "Order not found"
    assert [entry.status for entry in other.get("b").history] == ["accepted", "paused", "resumed", "processing"]


def hear(records: Repository, status: str) -> bool:
    return records.change("123", lambda record: record.apply_stages([HistoryEntry(status=status, at=utc_timestamp())]))
