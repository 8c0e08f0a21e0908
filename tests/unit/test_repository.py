"""No change of a record or of the index is lost, in one process or in several that write at the same time."""

import threading

import pytest
from fakes.shop import ORDER_123
from fakes.sidecar import FakeSidecar

from pizzashop.domain.history import HistoryEntry, utc_timestamp
from pizzashop.domain.lifecycle import HAPPY_PATH
from pizzashop.domain.record import Record
from pizzashop.errors import Conflict
from pizzashop.order.repository import Repository


@pytest.fixture(params=[False, True], ids=["redis", "postgresql"])
def sidecar(request: pytest.FixtureRequest) -> FakeSidecar:
    """The sidecar in front of each kind of state store."""
    return FakeSidecar(random_etags=request.param)


@pytest.fixture
def processes(sidecar: FakeSidecar) -> list[Repository]:
    """The records as two processes of role `order` see them."""
    return [Repository(sidecar), Repository(sidecar)]


def add_stage(repository: Repository, status: str) -> bool:
    stage = HistoryEntry(status=status, at=utc_timestamp())
    return repository.change("123", lambda record: record.apply_stages([stage]))


class TestConcurrentWriters:
    def test_a_change_that_loses_a_conflict_is_made_again(self, processes: list[Repository]) -> None:
        one, other = processes
        one.accept(ORDER_123, with_workflow=True)
        others_turn = iter([True])

        def pause(record: Record) -> None:
            if next(others_turn, False):
                add_stage(other, "processing")
            record.pause(utc_timestamp(), None, None)

        one.change("123", pause)
        record = other.get("123")
        assert (record.status, record.paused, record.version) == ("processing", True, 3)

    def test_many_threads_and_two_processes_lose_nothing(self, processes: list[Repository]) -> None:
        processes[0].accept(ORDER_123, with_workflow=False)
        threads = [
            threading.Thread(target=add_stage, args=(process, status))
            for status in HAPPY_PATH[1:]
            for process in processes
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        record = processes[0].get("123")
        assert [entry.status for entry in record.history] == list(HAPPY_PATH)
        assert record.version == len(HAPPY_PATH)

    def test_an_order_accepted_by_two_processes_is_one_order(self, processes: list[Repository]) -> None:
        one, other = processes
        assert one.accept(ORDER_123, with_workflow=True).uid == other.accept(ORDER_123, with_workflow=True).uid
        with pytest.raises(Conflict):
            other.accept({**ORDER_123, "size": "small"}, with_workflow=True)

    def test_many_changes_are_one_write_and_each_has_its_own_result(self, processes: list[Repository]) -> None:
        one, other = processes
        for order_id in "abc":
            one.accept({**ORDER_123, "order_id": order_id}, with_workflow=True)
        other.change("b", lambda record: record.pause(utc_timestamp(), None, None))

        def resume_and_process(record: Record) -> str:
            record.resume(utc_timestamp(), None, None)
            record.apply_stages([HistoryEntry(status="processing", at=utc_timestamp())])
            return record.status

        results = one.change_many(dict.fromkeys("abcd", resume_and_process))
        assert [results[order_id] for order_id in "abc"] == ["processing"] * 3
        assert str(results["d"]) == "Order not found"
        assert [entry.status for entry in other.get("b").history] == ["accepted", "paused", "resumed", "processing"]


class TestIndex:
    def test_two_processes_write_to_one_index(self, processes: list[Repository]) -> None:
        for number in range(6):
            processes[number % 2].accept({**ORDER_123, "order_id": str(number)}, with_workflow=True)
        for process in processes:
            ids = [entry.order_id for page in process.index.pages_newest_first() for entry in page]
            assert ids == ["5", "4", "3", "2", "1", "0"]
            assert sorted(process.open_orders.ids()) == ["0", "1", "2", "3", "4", "5"]

    def test_an_ended_order_leaves_the_open_set_and_an_open_one_stays(self, processes: list[Repository]) -> None:
        one, other = processes
        for number in range(4):
            one.accept({**ORDER_123, "order_id": str(number)}, with_workflow=True)
        one.change("1", lambda record: record.end("failed", utc_timestamp(), "no"))
        other.change("3", lambda record: record.end("delivered", utc_timestamp(), None))
        one.remove_from_open(one.open_orders.ids())
        assert sorted(one.open_orders.ids()) == ["0", "2"]


class TestWriteCache:
    @pytest.fixture
    def sidecar(self) -> FakeSidecar:
        """The sidecar in front of a store whose ETags can be predicted."""
        return FakeSidecar(random_etags=False)

    @pytest.fixture
    def writer(self, processes: list[Repository]) -> Repository:
        """The process that wrote the order last."""
        processes[0].accept(ORDER_123, with_workflow=True)
        return processes[0]

    @pytest.fixture
    def other(self, processes: list[Repository]) -> Repository:
        return processes[1]

    def test_a_change_after_a_write_needs_no_read(self, sidecar: FakeSidecar, writer: Repository) -> None:
        reads = sidecar.count_reads()
        add_stage(writer, "processing")
        assert reads == []
        assert writer.get("123").status == "processing"

    def test_an_outdated_record_does_not_overwrite_a_newer_one(self, writer: Repository, other: Repository) -> None:
        add_stage(other, "validating")
        add_stage(writer, "processing")
        history = other.get("123").history
        assert [entry.status for entry in history] == ["accepted", "validating", "processing"]

    def test_an_outdated_record_refuses_nothing(self, writer: Repository, other: Repository) -> None:
        writer.change("123", lambda record: record.cancel(utc_timestamp(), None, None))
        other.change("123", lambda record: record.end("cancelled", utc_timestamp(), None))
        other.change("123", lambda record: record.delete(utc_timestamp()))
        other.accept(ORDER_123, with_workflow=True)
        writer.change("123", lambda record: record.pause(utc_timestamp(), None, None))
        assert other.get("123").paused

    def test_a_change_that_changes_nothing_reads_the_record(self, writer: Repository, other: Repository) -> None:
        other.change("123", lambda record: record.pause(utc_timestamp(), None, None))
        assert writer.change("123", lambda record: record.paused)

    def test_a_trusted_noop_needs_no_read(self, sidecar: FakeSidecar, writer: Repository) -> None:
        add_stage(writer, "processing")
        reads = sidecar.count_reads()
        results = writer.change_many({"123": lambda record: len(record.history)}, accept_cached_no_change=True)
        assert (results, reads) == ({"123": 2}, [])

    def test_a_refusal_is_never_trusted(self, writer: Repository, other: Repository) -> None:
        other.change("123", lambda record: record.pause(utc_timestamp(), None, None))

        def require_paused(record: Record) -> bool:
            if not record.paused:
                raise Conflict("not paused")
            return True

        assert writer.change_many({"123": require_paused}, accept_cached_no_change=True) == {"123": True}


class TestErase:
    @pytest.fixture
    def deleted(self, sidecar: FakeSidecar) -> Record:
        repository = Repository(sidecar)
        repository.accept(ORDER_123, with_workflow=False)
        repository.change("123", lambda record: record.delete(utc_timestamp()))
        record = repository.find("123")
        assert record is not None
        return record

    def test_an_deleted_record_is_erased(self, sidecar: FakeSidecar, deleted: Record) -> None:
        assert Repository(sidecar).erase("123", deleted.version)
        assert Repository(sidecar).find("123") is None

    def test_an_order_that_was_accepted_again_is_not_erased(self, sidecar: FakeSidecar, deleted: Record) -> None:
        Repository(sidecar).accept(ORDER_123, with_workflow=True)
        assert not Repository(sidecar).erase("123", deleted.version)
        assert Repository(sidecar).get("123").status == "accepted"

    def test_an_order_accepted_at_the_same_moment_is_not_erased(self, deleted: Record, sidecar: FakeSidecar) -> None:
        class AcceptedFirst(FakeSidecar):
            """Another process accepts the order just before the deletion."""

            def delete(self, key: str, etag: str = "") -> None:
                Repository(self).accept(ORDER_123, with_workflow=True)
                super().delete(key, etag)

        busy = AcceptedFirst()
        busy.save("order_123", (sidecar.load("order_123").value or b"").decode(), "")
        assert not Repository(busy).erase("123", deleted.version)
        assert Repository(busy).get("123").status == "accepted"
