"""What a process of role `order` knows of records without reading them, and what it reads all the same."""

import json
from collections.abc import Sequence

import pytest

from pizzashop.order.cache import MAX_READS, ReadCache


class Store:
    """Values by order id, and how many were read."""

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
def newest(store: Store) -> ReadCache:
    """One that was asked for `a`, which is not there."""
    made = ReadCache(store.load)
    made.of({"a": 0})
    store.reads = 0
    return made


def test_what_this_process_wrote_is_not_read(newest: ReadCache, store: Store) -> None:
    newest.note("a", value(3))
    assert newest.of({"a": 3})["a"].version == 3
    assert store.reads == 0


def test_what_was_written_but_never_asked_for_is_not_remembered(newest: ReadCache, store: Store) -> None:
    newest.note("b", value(3))
    store.values["b"] = value(4)
    assert newest.of({"b": 0})["b"].version == 4


def test_what_is_written_while_it_is_read_for_the_first_time_is_the_newest() -> None:
    def load(order_ids: Sequence[str]) -> list[bytes | None]:
        newest.note("a", value(2))
        return [value(1) for _ in order_ids]

    newest = ReadCache(load)
    assert newest.of({"a": 0})["a"].version == 2


def test_what_another_process_wrote_is_read_where_the_asker_knows_of_it(newest: ReadCache, store: Store) -> None:
    newest.note("a", value(3))
    store.values["a"] = value(5)
    assert newest.of({"a": 4})["a"].version == 5
    assert store.reads == 1


def test_what_is_unread_for_long_is_read_again(store: Store) -> None:
    newest = ReadCache(store.load, seconds=-1)
    store.values["a"] = value(3)
    newest.of({"a": 0})
    store.values["a"] = value(4)
    assert newest.of({"a": 3})["a"].version == 4


def test_what_nobody_knows_is_read_once(newest: ReadCache, store: Store) -> None:
    store.values["b"] = value(1)
    for _ in range(3):
        assert newest.of({"b": 0})["b"].version == 1
    assert store.reads == 1


def test_what_is_not_there_has_no_version(newest: ReadCache) -> None:
    seen = newest.of({"none": 0})["none"]
    assert (seen.version, seen.record()) == (0, None)


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"version": "x"}'])
def test_what_cannot_be_read_is_no_record(newest: ReadCache, store: Store, broken: bytes) -> None:
    store.values["b"] = broken
    seen = newest.of({"b": 0})["b"]
    assert (seen.version, seen.record()) == (0, None)


def test_it_does_not_grow_without_bound(newest: ReadCache, store: Store) -> None:
    newest.of({str(number): 0 for number in range(MAX_READS + 1)})
    store.reads = 0
    newest.of({"0": 0, str(MAX_READS): 0})
    assert store.reads == 1
