"""Events kept aside: never more than a number, nothing stored that no list names."""

import logging

import pytest
from fakes.sidecar import FakeSidecar

from pizzashop.domain.errors import Unavailable
from pizzashop.order.aside import Aside, Query


def ids(aside: Aside) -> list[str]:
    return [each.id for each in aside.page(Query())[0]]


def stored(sidecar: FakeSidecar) -> set[str]:
    keys = sidecar.keys()
    return {key.removeprefix("aside_event_") for key in keys if key.startswith("aside_event_")}


def test_beyond_the_most_the_oldest_goes_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    sidecar = FakeSidecar()
    aside = Aside(sidecar, most=3)
    kept = [aside.keep({"n": number}, "why") for number in range(3)]
    oldest = sorted(kept)[0]
    with caplog.at_level(logging.ERROR):
        aside.keep({"n": 3}, "why")
    assert len(ids(aside)) == 3
    assert stored(sidecar) == set(ids(aside))
    assert oldest in caplog.text


def test_the_same_event_is_the_same_whatever_the_order_of_its_names() -> None:
    aside = Aside(FakeSidecar())
    assert aside.keep({"a": 1, "b": 2}, "one") == aside.keep({"b": 2, "a": 1}, "two")
    assert [each.reason for each in aside.page(Query())[0]] == ["two"]


def test_two_processes_share_one_list() -> None:
    sidecar = FakeSidecar()
    one, other = Aside(sidecar), Aside(sidecar)
    for number in range(10):
        (one, other)[number % 2].keep({"n": number}, "why")
    assert len(ids(one)) == len(set(ids(other))) == 10


def test_a_crash_between_the_list_and_the_event_leaves_nothing_to_trip_over() -> None:
    sidecar = FakeSidecar()
    aside = Aside(sidecar)
    event_id = aside.keep({"n": 1}, "why")
    sidecar.delete(f"aside_event_{event_id}")
    assert ids(aside) == []
    assert aside.keep({"n": 1}, "why") == event_id
    assert ids(aside) == [event_id]


def test_where_the_store_is_away_nothing_is_taken_for_kept() -> None:
    sidecar = FakeSidecar()
    sidecar.away = True
    with pytest.raises(Unavailable):
        Aside(sidecar).keep({}, "why")
