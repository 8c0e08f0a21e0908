"""What the pages of a process watch: asked for in one request, the latest alone, and nothing while nobody watches."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fakes.shop import FakeShop, stage

from pizzashop.domain.record import Record
from pizzashop.errors import NotFound
from pizzashop.pages.watching import BOARD, LiveStates, PageState
from pizzashop.presentation.boards import Board
from pizzashop.roles import ORDER, WORKFLOW

SECONDS = 10.0


@pytest.fixture
def shop() -> FakeShop:
    """A shop with the sample order, which has just been accepted."""
    made = FakeShop(pace=1)
    made.place()
    return made


@pytest.fixture
def watch(shop: FakeShop) -> Iterator[LiveStates]:
    made = LiveStates(shop.sidecar, most=2)
    yield made
    made.stop()


def hear(shop: FakeShop, status: str) -> None:
    shop.client(ORDER).post("/orders-sub", json={"data": stage(status)})


def until(good: Callable[[], Any]) -> None:
    deadline = time.monotonic() + SECONDS
    while not good():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def asked(shop: FakeShop) -> int:
    return sum(path == "/changes" for _, path in shop.sidecar.invoked)


class Waiting(threading.Thread):
    """Somebody who waits for something other than the mark `known`."""

    def __init__(self, watch: LiveStates, known: str, *, away: bool = False) -> None:
        super().__init__(daemon=True)
        self._watch, self._known, self._away = watch, known, away
        self.shown: PageState | None = None
        self.gone = False
        self.start()

    def run(self) -> None:
        try:
            self.shown = self._watch.next("123", self._known, SECONDS, away=self._away)
        except NotFound:
            self.gone = True


def test_what_is_known_already_is_no_news(watch: LiveStates, shop: FakeShop) -> None:
    first = watch.next("123", "", SECONDS)
    assert isinstance(first.state, Record)
    assert first.mark == str(shop.record()["version"])
    waiting = Waiting(watch, first.mark)
    hear(shop, "validating")
    waiting.join(SECONDS)
    assert waiting.shown is not None
    assert isinstance(waiting.shown.state, Record)
    assert waiting.shown.state.status == "validating"


def test_a_page_that_is_ahead_is_never_taken_back(watch: LiveStates) -> None:
    first = watch.next("123", "", SECONDS)
    ahead = str(int(first.mark) + 1)
    assert not first.is_news(ahead)
    assert first.is_news("what no page ever showed")


def test_who_was_slow_is_given_the_latest_alone(watch: LiveStates, shop: FakeShop) -> None:
    mark = watch.next("123", "", SECONDS).mark
    for status in ("validating", "processing", "confirmed"):
        hear(shop, status)
    until(lambda: watch.next("123", mark, SECONDS).mark == str(shop.record()["version"]))


def test_all_that_wait_are_told_by_one_request(watch: LiveStates, shop: FakeShop) -> None:
    mark = watch.next("123", "", SECONDS).mark
    waiting = [Waiting(watch, mark) for _ in range(20)]
    hear(shop, "validating")
    for each in waiting:
        each.join(SECONDS)
    assert {each.shown.mark for each in waiting if each.shown} == {str(shop.record()["version"])}
    assert asked(shop) < 20


def test_nothing_is_asked_while_nobody_watches(shop: FakeShop, watch: LiveStates) -> None:
    assert watch.asking == 0
    assert asked(shop) == 0


def test_an_order_that_is_deleted_is_gone(watch: LiveStates, shop: FakeShop) -> None:
    assert shop.client(WORKFLOW).post("/cancel-order", json={"order_id": "123"}).status_code == 200
    mark = watch.next("123", "", SECONDS).mark
    waiting = Waiting(watch, str(int(mark) + 1))
    waiting.join(SECONDS)  # it has ended: nobody waits for more
    assert waiting.shown is not None
    assert waiting.shown.is_over
    shop.client(ORDER).delete("/order/123")
    until(lambda: is_gone(watch))


def is_gone(watch: LiveStates) -> bool:
    try:
        watch.next("123", "", 0.01)
    except NotFound:
        return True
    return False


def test_an_order_that_never_was(watch: LiveStates) -> None:
    with pytest.raises(NotFound):
        watch.next("none", "", SECONDS)


def test_it_says_when_the_shop_is_away_and_when_it_is_back(watch: LiveStates, shop: FakeShop) -> None:
    mark = watch.next("123", "", SECONDS).mark
    shop.sidecar.gone.add(ORDER)
    watch.next("123", mark, SECONDS)
    assert watch.away
    shop.sidecar.gone.clear()
    watch.next("123", mark, SECONDS, away=True)
    assert not watch.away


def test_an_empty_board_is_told_too(watch: LiveStates) -> None:
    board = watch.next(BOARD, "", SECONDS).state
    assert isinstance(board, Board)
    assert [row.order_id for row in board.orders] == ["123"]


def test_a_board_changes_with_any_of_its_orders(watch: LiveStates, shop: FakeShop) -> None:
    mark = watch.next(BOARD, "", SECONDS).mark
    hear(shop, "validating")
    second = watch.next(BOARD, mark, SECONDS).mark
    shop.place("124")
    third = watch.next(BOARD, second, SECONDS)
    assert len({mark, second, third.mark}) == 3
    assert isinstance(third.state, Board)
    assert third.state.counts.open == 2


def test_places_are_counted_and_given_back(watch: LiveStates) -> None:
    assert [watch.enter(), watch.enter(), watch.enter()] == [True, True, False]
    watch.leave()
    assert watch.enter()


def test_told_to_stop_it_lets_everybody_go(watch: LiveStates) -> None:
    mark = watch.next("123", "", SECONDS).mark
    waiting = [Waiting(watch, mark) for _ in range(5)]
    began = time.monotonic()
    watch.stop()
    for each in waiting:
        each.join(SECONDS)
    assert time.monotonic() - began < SECONDS / 2
    assert not watch.enter()
