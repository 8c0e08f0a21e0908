"""Dead letters: the shop's own are all kept, foreign events only in samples, and every list has a limit."""

import json
import logging
from typing import Any

import pytest
from fakes.sidecar import FakeSidecar, cloud_event

from pizzashop.errors import Unavailable
from pizzashop.order.dead_letters import FOREIGN_BURST, MAX_EVENT_CHARS, DeadLetterQuery, DeadLetters, UnappliedEvent
from pizzashop.order.repository import Repository


@pytest.fixture
def sidecar() -> FakeSidecar:
    return FakeSidecar()


def make_dead_letters(sidecar: FakeSidecar, orders: int = 0, **limits: int) -> DeadLetters:
    """Make the dead letters of a shop that has so many orders: 0, 1, 2, …"""
    repository = Repository(sidecar)
    for number in range(orders):
        repository.accept({"order_id": f"{number}", "pizza_type": "funghi", "size": "small"}, with_workflow=False)
    return DeadLetters(sidecar, repository, **limits)


def own_event(number: int) -> Any:
    return cloud_event({"order_id": f"{number}", "status": "eaten"})


def foreign_event(number: int) -> Any:
    return cloud_event({"orderId": number})


def keep(dead_letters: DeadLetters, *events: Any, reason: str = "why") -> list[str | None]:
    return dead_letters.keep([UnappliedEvent(event, reason) for event in events])


def ids(dead_letters: DeadLetters) -> list[str]:
    return [each.id for each in dead_letters.page(DeadLetterQuery(limit=100))[0]]


def stored(sidecar: FakeSidecar) -> set[str]:
    keys = sidecar.stored_keys()
    return {key.removeprefix("aside_event_") for key in keys if key.startswith("aside_event_")}


def test_beyond_the_limit_the_oldest_is_dropped_and_logged(
    sidecar: FakeSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    dead_letters = make_dead_letters(sidecar, orders=4, max_own=3)
    kept = [keep(dead_letters, own_event(number))[0] for number in range(3)]
    with caplog.at_level(logging.ERROR):
        keep(dead_letters, own_event(3))
    assert len(ids(dead_letters)) == 3
    assert stored(sidecar) == set(ids(dead_letters))
    assert f"the oldest, {kept[0]}, is dropped" in caplog.text


def test_a_flood_of_foreign_events_leaves_samples_and_few_log_lines(
    sidecar: FakeSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    dead_letters = make_dead_letters(sidecar, orders=2)
    (own,) = keep(dead_letters, own_event(0))
    with caplog.at_level(logging.INFO):
        for start in range(0, 5000, 100):
            keep(dead_letters, *map(foreign_event, range(start, start + 100)))
    assert FOREIGN_BURST < len(ids(dead_letters)) < 3 * FOREIGN_BURST
    assert own in ids(dead_letters)
    assert len(caplog.records) < 3 * FOREIGN_BURST
    assert "foreign events (of no order of this shop) were not kept" in caplog.text


def test_foreign_events_never_displace_the_shops_own(sidecar: FakeSidecar) -> None:
    dead_letters = make_dead_letters(sidecar, orders=3, max_own=3, max_foreign=2)
    own = keep(dead_letters, *map(own_event, range(3)))
    keep(dead_letters, *map(foreign_event, range(FOREIGN_BURST)))
    assert set(own) < set(ids(dead_letters))
    assert len(ids(dead_letters)) == len(stored(sidecar)) == 3 + 2


def test_an_event_of_an_unknown_order_is_foreign(sidecar: FakeSidecar) -> None:
    dead_letters = make_dead_letters(sidecar, orders=1, max_foreign=1)
    keep(dead_letters, *map(own_event, range(5)))
    assert len(ids(dead_letters)) == 1 + 1


def test_a_foreign_event_that_is_not_kept_has_no_id(sidecar: FakeSidecar) -> None:
    kept = keep(make_dead_letters(sidecar, orders=1), own_event(0), *map(foreign_event, range(FOREIGN_BURST + 1)))
    assert [each is None for each in kept] == [False] * (FOREIGN_BURST + 1) + [True]


def test_a_repeated_foreign_event_does_not_count_against_the_rate(sidecar: FakeSidecar) -> None:
    dead_letters = make_dead_letters(sidecar)
    first = keep(dead_letters, foreign_event(1))
    for _ in range(2 * FOREIGN_BURST):
        assert keep(dead_letters, foreign_event(1)) == first
    assert keep(dead_letters, foreign_event(2)) != [None]


def test_an_event_is_the_same_whatever_the_order_of_its_fields(sidecar: FakeSidecar) -> None:
    dead_letters = make_dead_letters(sidecar)
    assert keep(dead_letters, {"a": 1, "b": 2}, reason="one") == keep(dead_letters, {"b": 2, "a": 1}, reason="two")
    assert [each.reason for each in dead_letters.page(DeadLetterQuery())[0]] == ["two"]


def test_an_event_twice_in_one_delivery_is_kept_once(sidecar: FakeSidecar) -> None:
    dead_letters = make_dead_letters(sidecar)
    one, other = keep(dead_letters, foreign_event(1), foreign_event(1))
    assert one == other
    assert ids(dead_letters) == [one]


def test_an_event_that_is_too_large_for_the_store_is_truncated(sidecar: FakeSidecar) -> None:
    dead_letters = make_dead_letters(sidecar)
    (event_id,) = keep(dead_letters, cloud_event({"orderId": "x" * 2 * MAX_EVENT_CHARS}))
    assert event_id is not None
    assert len(json.dumps(dead_letters.get(event_id).event)) < 1.1 * MAX_EVENT_CHARS


def test_two_processes_share_one_list(sidecar: FakeSidecar) -> None:
    one, other = make_dead_letters(sidecar), make_dead_letters(sidecar)
    for number in range(10):
        keep((one, other)[number % 2], foreign_event(number))
    assert len(ids(one)) == len(set(ids(other))) == 10


def test_a_crash_between_the_two_writes_of_a_dead_letter_does_no_harm(sidecar: FakeSidecar) -> None:
    dead_letters = make_dead_letters(sidecar)
    kept = keep(dead_letters, foreign_event(1))
    sidecar.delete(f"aside_event_{kept[0]}")
    assert ids(dead_letters) == []
    assert keep(dead_letters, foreign_event(1)) == kept
    assert ids(dead_letters) == kept


def test_while_the_store_is_unavailable_nothing_counts_as_kept(sidecar: FakeSidecar) -> None:
    dead_letters = make_dead_letters(sidecar)
    sidecar.is_down = True
    with pytest.raises(Unavailable):
        keep(dead_letters, {})
