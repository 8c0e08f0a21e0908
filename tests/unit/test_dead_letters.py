"""Dead letters: what belongs to the shop is kept, of what is foreign there are samples, and every list is bounded."""

import json
import logging
from typing import Any

import pytest
from fakes.sidecar import FakeSidecar, cloud_event

from pizzashop.errors import Unavailable
from pizzashop.order.dead_letters import FOREIGN_BURST, MAX_EVENT_CHARS, DeadLetters, Query, Rejected
from pizzashop.order.repository import Repository


@pytest.fixture
def sidecar() -> FakeSidecar:
    return FakeSidecar()


def made(sidecar: FakeSidecar, orders: int = 0, **bounds: int) -> DeadLetters:
    """Dead letters in a shop that has so many orders: 0, 1, 2, …"""
    records = Repository(sidecar)
    for number in range(orders):
        records.accept({"order_id": f"{number}", "pizza_type": "funghi", "size": "small"}, wanted=False)
    return DeadLetters(sidecar, records, **bounds)


def of_order(number: int) -> Any:
    return cloud_event({"order_id": f"{number}", "status": "eaten"})


def foreign(number: int) -> Any:
    return cloud_event({"orderId": number})


def keep(dead_letters: DeadLetters, *events: Any, reason: str = "why") -> list[str | None]:
    return dead_letters.keep([Rejected(event, reason) for event in events])


def ids(dead_letters: DeadLetters) -> list[str]:
    return [each.id for each in dead_letters.page(Query(limit=100))[0]]


def stored(sidecar: FakeSidecar) -> set[str]:
    keys = sidecar.keys()
    return {key.removeprefix("aside_event_") for key in keys if key.startswith("aside_event_")}


def test_beyond_the_most_the_oldest_goes_and_the_log_says_so(
    sidecar: FakeSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    dead_letters = made(sidecar, orders=4, max_own=3)
    kept = [keep(dead_letters, of_order(number))[0] for number in range(3)]
    with caplog.at_level(logging.ERROR):
        keep(dead_letters, of_order(3))
    assert len(ids(dead_letters)) == 3
    assert stored(sidecar) == set(ids(dead_letters))
    assert f"the oldest, {kept[0]}, is dropped" in caplog.text


def test_a_flood_of_foreign_events_leaves_samples_and_a_handful_of_lines(
    sidecar: FakeSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    dead_letters = made(sidecar, orders=2)
    (own,) = keep(dead_letters, of_order(0))
    with caplog.at_level(logging.INFO):
        for start in range(0, 5000, 100):
            keep(dead_letters, *map(foreign, range(start, start + 100)))
    assert FOREIGN_BURST < len(ids(dead_letters)) < 3 * FOREIGN_BURST
    assert own in ids(dead_letters)
    assert len(caplog.records) < 3 * FOREIGN_BURST
    assert "foreign events (of no order of this shop) were not kept" in caplog.text


def test_foreign_events_never_push_out_the_shops_own(sidecar: FakeSidecar) -> None:
    dead_letters = made(sidecar, orders=3, max_own=3, max_foreign=2)
    own = keep(dead_letters, *map(of_order, range(3)))
    keep(dead_letters, *map(foreign, range(FOREIGN_BURST)))
    assert set(own) < set(ids(dead_letters))
    assert len(ids(dead_letters)) == len(stored(sidecar)) == 3 + 2


def test_an_order_that_is_not_there_makes_no_event_the_shops_own(sidecar: FakeSidecar) -> None:
    dead_letters = made(sidecar, orders=1, max_foreign=1)
    keep(dead_letters, *map(of_order, range(5)))
    assert len(ids(dead_letters)) == 1 + 1


def test_what_was_not_kept_is_told_apart(sidecar: FakeSidecar) -> None:
    kept = keep(made(sidecar, orders=1), of_order(0), *map(foreign, range(FOREIGN_BURST + 1)))
    assert [each is None for each in kept] == [False] * (FOREIGN_BURST + 1) + [True]


def test_delivered_again_a_foreign_event_takes_no_room(sidecar: FakeSidecar) -> None:
    dead_letters = made(sidecar)
    first = keep(dead_letters, foreign(1))
    for _ in range(2 * FOREIGN_BURST):
        assert keep(dead_letters, foreign(1)) == first
    assert keep(dead_letters, foreign(2)) != [None]


def test_the_same_event_is_the_same_whatever_the_order_of_its_names(sidecar: FakeSidecar) -> None:
    dead_letters = made(sidecar)
    assert keep(dead_letters, {"a": 1, "b": 2}, reason="one") == keep(dead_letters, {"b": 2, "a": 1}, reason="two")
    assert [each.reason for each in dead_letters.page(Query())[0]] == ["two"]


def test_twice_in_one_delivery_it_is_kept_once(sidecar: FakeSidecar) -> None:
    dead_letters = made(sidecar)
    one, other = keep(dead_letters, foreign(1), foreign(1))
    assert one == other
    assert ids(dead_letters) == [one]


def test_an_event_larger_than_the_store_takes_is_kept_as_far_as_it_goes(sidecar: FakeSidecar) -> None:
    dead_letters = made(sidecar)
    (event_id,) = keep(dead_letters, cloud_event({"orderId": "x" * 2 * MAX_EVENT_CHARS}))
    assert event_id is not None
    assert len(json.dumps(dead_letters.get(event_id).event)) < 1.1 * MAX_EVENT_CHARS


def test_two_processes_share_one_list(sidecar: FakeSidecar) -> None:
    one, other = made(sidecar), made(sidecar)
    for number in range(10):
        keep((one, other)[number % 2], foreign(number))
    assert len(ids(one)) == len(set(ids(other))) == 10


def test_a_crash_between_the_list_and_the_event_leaves_nothing_to_trip_over(sidecar: FakeSidecar) -> None:
    dead_letters = made(sidecar)
    kept = keep(dead_letters, foreign(1))
    sidecar.delete(f"aside_event_{kept[0]}")
    assert ids(dead_letters) == []
    assert keep(dead_letters, foreign(1)) == kept
    assert ids(dead_letters) == kept


def test_where_the_store_is_away_nothing_is_taken_for_kept(sidecar: FakeSidecar) -> None:
    dead_letters = made(sidecar)
    sidecar.away = True
    with pytest.raises(Unavailable):
        keep(dead_letters, {})
