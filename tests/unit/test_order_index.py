"PagedList come and go, records are erased, and no other process loses anything by it."

from datetime import UTC, datetime, timedelta

import pytest
from fakes.shop import ORDER_123
from fakes.sidecar import FakeSidecar

from pizzashop.domain.history import utc_timestamp
from pizzashop.domain.record import Record
from pizzashop.order.housekeeping import Housekeeping
from pizzashop.order.index import PAGE_SIZE, PagedList
from pizzashop.order.repository import Repository

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WEEK = 7 * 86400.0


@pytest.fixture
def sidecar() -> FakeSidecar:
    return FakeSidecar()


def a_full_page(sidecar: FakeSidecar) -> PagedList:
    "PagedList of which the first is full, and the second has one word."
    pages = PagedList(sidecar, "orders")
    for number in range(PAGE_SIZE + 1):
        pages.append(f"o{number}")
    return pages


class TestPages:
    def test_a_word_that_is_there_already_gets_a_new_place(self, sidecar: FakeSidecar) -> None:
        pages = PagedList(sidecar, "orders")
        assert [pages.append(word) for word in ("a", "b", "a")] == [(0, 0), (0, 1), (0, 2)]

    def test_a_dead_one_stays_for_a_while(self, sidecar: FakeSidecar) -> None:
        pages = a_full_page(sidecar)
        for seconds in (0, 59):
            assert not pages.discard(0, NOW + timedelta(seconds=seconds), 60)
            assert "orders_0" in sidecar.keys()  # noqa: SIM118
        assert pages.discard(0, NOW + timedelta(seconds=60), 60)
        assert "orders_0" not in sidecar.keys()  # noqa: SIM118
        assert pages.numbers() == [1]

    def test_the_last_one_never_goes(self, sidecar: FakeSidecar) -> None:
        pages = a_full_page(sidecar)
        for seconds in (0, 100):
            assert not pages.discard(1, NOW + timedelta(seconds=seconds), 60)
        assert pages.rows(1) == [(1, 0, f"o{PAGE_SIZE}")]

    def test_they_go_in_any_order(self, sidecar: FakeSidecar) -> None:
        pages = PagedList(sidecar, "orders")
        for number in range(5 * PAGE_SIZE + 1):
            pages.append(f"o{number}")
        left = list(range(6))
        for number in (2, 0, 3, 1, 4):
            pages.discard(number, NOW, 0)
            pages.discard(number, NOW, 0)
            left.remove(number)
            assert pages.numbers() == PagedList(sidecar, "orders").numbers() == left
        assert pages.append("new") == (5, 1)


class TestRecords:
    @pytest.fixture
    def emptied(self, sidecar: FakeSidecar) -> Record:
        records = Repository(sidecar)
        records.accept(ORDER_123, wanted=False)
        records.change("123", lambda record: record.delete(utc_timestamp()))
        found = records.find("123")
        assert found is not None
        return found

    def test_an_emptied_one_is_erased(self, sidecar: FakeSidecar, emptied: Record) -> None:
        assert Repository(sidecar).erase("123", emptied.version)
        assert Repository(sidecar).find("123") is None

    def test_not_if_it_is_another_since_it_was_looked_at(self, sidecar: FakeSidecar, emptied: Record) -> None:
        Repository(sidecar).accept(ORDER_123, wanted=True)
        assert not Repository(sidecar).erase("123", emptied.version)
        assert Repository(sidecar).get("123").status == "accepted"

    def test_not_if_it_is_accepted_at_the_same_moment(self, emptied: Record, sidecar: FakeSidecar) -> None:
        class OthersTurn(FakeSidecar):
            """Another process is quicker by a moment."""

            def delete(self, key: str, etag: str = "") -> None:
                Repository(self).accept(ORDER_123, wanted=True)
                super().delete(key, etag)

        quick = OthersTurn()
        quick.save("order_123", (sidecar.load("order_123").value or b"").decode(), "")
        assert not Repository(quick).erase("123", emptied.version)
        assert Repository(quick).get("123").status == "accepted"

    def test_an_open_one_cannot_be_taken_out_of_the_open_ones(self, sidecar: FakeSidecar) -> None:
        records = Repository(sidecar)
        records.accept(ORDER_123, wanted=True)
        records.close("123")
        assert records.open.ids() == ["123"]


class TestRound:
    def test_an_open_order_that_is_not_among_the_open_ones_comes_back(self, sidecar: FakeSidecar) -> None:
        records = Repository(sidecar)
        records.accept(ORDER_123, wanted=True)
        records.open.remove("123")
        Housekeeping(records, WEEK, lambda: datetime.now(UTC) + timedelta(days=8)).look(-1)
        assert records.open.ids() == ["123"]

    def test_an_older_place_of_an_order_keeps_no_page(self, sidecar: FakeSidecar) -> None:
        pages, records = a_full_page(sidecar), Repository(sidecar)
        records.accept({**ORDER_123, "order_id": "o7"}, wanted=True)
        keeping = Housekeeping(records, WEEK, lambda: datetime.now(UTC))
        keeping.look(-1)
        Housekeeping(records, WEEK, lambda: datetime.now(UTC) + timedelta(minutes=2)).look(-1)
        assert pages.numbers() == [1]
        assert records.get("o7").page == 1
