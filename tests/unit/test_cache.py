"""What a process of role `order` remembers of records, and when it reads them all the same."""

import json
from collections.abc import Sequence

import pytest

from pizzashop.dapr.sidecar import StoredValue
from pizzashop.order.cache import MAX_READS, ReadCache, WriteCache

ONE, TWO = StoredValue(b"one", "1"), StoredValue(b"two", "2")


class TestWriteCache:
    def test_it_returns_the_last_write(self) -> None:
        cache = WriteCache()
        cache.put("a", ONE)
        cache.put("b", ONE)
        cache.put("b", TWO)
        assert (cache.get("a"), cache.get("b")) == (ONE, TWO)
        assert cache.get("c") is None

    def test_it_returns_nothing_that_is_old(self) -> None:
        cache = WriteCache(seconds=0)
        cache.put("a", ONE)
        assert cache.get("a") is None

    def test_it_returns_nothing_that_was_discarded(self) -> None:
        cache = WriteCache()
        cache.put("a", ONE)
        cache.discard("a")
        cache.discard("b")
        assert cache.get("a") is None

    def test_it_drops_the_oldest_write_when_it_is_full(self) -> None:
        cache = WriteCache(max_entries=2)
        for key in ("a", "b", "a", "c"):
            cache.put(key, ONE)
        assert [key for key in "abc" if cache.get(key)] == ["a", "c"]

    def test_it_keeps_no_old_writes_in_memory(self) -> None:
        cache = WriteCache(seconds=0)
        cache.put("a", ONE)
        cache.put("b", TWO)
        assert len(cache) == 0


class Store:
    """Values by order id; it counts how many were read."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.reads = 0

    def load(self, order_ids: Sequence[str]) -> list[bytes | None]:
        self.reads += len(order_ids)
        return [self.values.get(each) for each in order_ids]


def value(version: int) -> bytes:
    return json.dumps({"uid": "u", "version": version}).encode()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def cache(store: Store) -> ReadCache:
    """A cache that was asked for the order `a`, which does not exist."""
    cache = ReadCache(store.load)
    cache.get_many({"a": 0})
    store.reads = 0
    return cache


class TestReadCache:
    def test_a_record_that_this_process_wrote_is_not_read(self, cache: ReadCache, store: Store) -> None:
        cache.update("a", value(3))
        assert cache.get_many({"a": 3})["a"].version == 3
        assert store.reads == 0

    def test_a_record_that_nobody_asked_for_is_not_kept(self, cache: ReadCache, store: Store) -> None:
        cache.update("b", value(3))
        store.values["b"] = value(4)
        assert cache.get_many({"b": 0})["b"].version == 4

    def test_a_write_during_the_first_read_wins_over_the_value_that_was_read(self) -> None:
        def load(order_ids: Sequence[str]) -> list[bytes | None]:
            cache.update("a", value(2))
            return [value(1) for _ in order_ids]

        cache = ReadCache(load)
        assert cache.get_many({"a": 0})["a"].version == 2

    def test_a_record_is_read_when_the_caller_knows_a_newer_version(self, cache: ReadCache, store: Store) -> None:
        cache.update("a", value(3))
        store.values["a"] = value(5)
        assert cache.get_many({"a": 4})["a"].version == 5
        assert store.reads == 1

    def test_an_old_record_is_read_again(self, store: Store) -> None:
        cache = ReadCache(store.load, seconds=-1)
        store.values["a"] = value(3)
        cache.get_many({"a": 0})
        store.values["a"] = value(4)
        assert cache.get_many({"a": 3})["a"].version == 4

    def test_a_new_record_is_read_once(self, cache: ReadCache, store: Store) -> None:
        store.values["b"] = value(1)
        for _ in range(3):
            assert cache.get_many({"b": 0})["b"].version == 1
        assert store.reads == 1

    def test_an_absent_record_has_version_0(self, cache: ReadCache) -> None:
        cached = cache.get_many({"none": 0})["none"]
        assert (cached.version, cached.parse()) == (0, None)

    @pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"version": "x"}'])
    def test_an_unreadable_record_counts_as_absent(self, cache: ReadCache, store: Store, broken: bytes) -> None:
        store.values["b"] = broken
        cached = cache.get_many({"b": 0})["b"]
        assert (cached.version, cached.parse()) == (0, None)

    def test_it_does_not_grow_without_bound(self, cache: ReadCache, store: Store) -> None:
        cache.get_many({str(number): 0 for number in range(MAX_READS + 1)})
        store.reads = 0
        cache.get_many({"0": 0, str(MAX_READS): 0})
        assert store.reads == 1
