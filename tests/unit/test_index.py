"""The index of orders: pages and records are removed without another process losing anything."""

from datetime import UTC, datetime, timedelta

import pytest
from fakes.shop import ORDER_123
from fakes.sidecar import FakeSidecar

from pizzashop.order.housekeeping import Housekeeping
from pizzashop.order.index import PAGE_SIZE, IndexEntry, OrderIndex
from pizzashop.order.repository import Repository

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WEEK = 7 * 86400.0


@pytest.fixture
def sidecar() -> FakeSidecar:
    return FakeSidecar()


def make_full_page(sidecar: FakeSidecar) -> OrderIndex:
    """Make an index whose first page is full, and whose second page has one id."""
    index = OrderIndex(sidecar)
    for number in range(PAGE_SIZE + 1):
        index.append(f"o{number}")
    return index


class TestPages:
    def test_an_id_that_is_there_already_gets_a_new_position(self, sidecar: FakeSidecar) -> None:
        index = OrderIndex(sidecar)
        assert [index.append(order_id) for order_id in ("a", "b", "a")] == [(0, 0), (0, 1), (0, 2)]

    def test_a_deleted_page_keeps_its_key_for_the_grace_period(self, sidecar: FakeSidecar) -> None:
        index = make_full_page(sidecar)
        for seconds in (0, 59):
            assert not index.delete_page(0, NOW + timedelta(seconds=seconds), 60)
            assert "orders_0" in sidecar.stored_keys()
        assert index.delete_page(0, NOW + timedelta(seconds=60), 60)
        assert "orders_0" not in sidecar.stored_keys()
        assert index.page_numbers() == [1]

    def test_the_last_page_is_never_deleted(self, sidecar: FakeSidecar) -> None:
        index = make_full_page(sidecar)
        for seconds in (0, 100):
            assert not index.delete_page(1, NOW + timedelta(seconds=seconds), 60)
        assert index.read_page(1) == [IndexEntry((1, 0), f"o{PAGE_SIZE}")]

    def test_pages_may_be_deleted_in_any_order(self, sidecar: FakeSidecar) -> None:
        index = OrderIndex(sidecar)
        for number in range(5 * PAGE_SIZE + 1):
            index.append(f"o{number}")
        left = list(range(6))
        for number in (2, 0, 3, 1, 4):
            index.delete_page(number, NOW, 0)
            index.delete_page(number, NOW, 0)
            left.remove(number)
            assert index.page_numbers() == OrderIndex(sidecar).page_numbers() == left
        assert index.append("new") == (5, 1)

    def test_a_store_with_random_etags_works_too(self) -> None:
        index = OrderIndex(FakeSidecar(random_etags=True))
        assert [index.append(order_id) for order_id in ("a", "b", "c")] == [(0, 0), (0, 1), (0, 2)]


class TestHousekeeping:
    def test_an_open_order_that_is_missing_in_the_open_set_is_added(self, sidecar: FakeSidecar) -> None:
        repository = Repository(sidecar)
        repository.accept(ORDER_123, with_workflow=True)
        repository.open_orders.remove(["123"])
        Housekeeping(repository, WEEK, lambda: datetime.now(UTC) + timedelta(days=8)).clean_page_after(-1)
        assert repository.open_orders.ids() == ["123"]

    def test_an_older_position_of_an_order_does_not_keep_its_page(self, sidecar: FakeSidecar) -> None:
        index, repository = make_full_page(sidecar), Repository(sidecar)
        repository.accept({**ORDER_123, "order_id": "o7"}, with_workflow=True)
        Housekeeping(repository, WEEK, lambda: datetime.now(UTC)).clean_page_after(-1)
        Housekeeping(repository, WEEK, lambda: datetime.now(UTC) + timedelta(minutes=2)).clean_page_after(-1)
        assert index.page_numbers() == [1]
        assert repository.get("o7").index_page == 1
