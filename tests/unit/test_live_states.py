"""The latest states of the pages: one request for all readers, and none while nobody waits."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fakes.shop import FakeShop, stage

from pizzashop.domain.record import OrderSnapshot
from pizzashop.errors import NotFound
from pizzashop.pages.backend import Backend
from pizzashop.pages.live_states import BOARD, LiveStates, PageState
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
def live_states(shop: FakeShop) -> Iterator[LiveStates]:
    yield LiveStates(Backend(shop.sidecar), max_streams=2, stopping=shop.limit.stopping)
    shop.limit.stopping.set()


def publish_stage(shop: FakeShop, status: str) -> None:
    shop.client(ORDER).post("/orders-sub", json={"data": stage(status)})


def wait_until(is_done: Callable[[], Any]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def request_count(shop: FakeShop) -> int:
    return sum(path == "/changes" for _, path in shop.sidecar.invoked)


class Reader(threading.Thread):
    """A reader that waits for a state newer than `etag`."""

    def __init__(self, live_states: LiveStates, etag: str, *, is_unreachable: bool = False) -> None:
        super().__init__(daemon=True)
        self._live_states, self._etag, self._is_unreachable = live_states, etag, is_unreachable
        self.page: PageState | None = None
        self.is_missing = False
        self.start()

    def run(self) -> None:
        try:
            self.page = self._live_states.wait_for_change(
                "123", self._etag, SECONDS, is_unreachable=self._is_unreachable
            )
        except NotFound:
            self.is_missing = True


def test_a_reader_waits_for_a_newer_state(live_states: LiveStates, shop: FakeShop) -> None:
    first = live_states.wait_for_change("123", "", SECONDS)
    assert isinstance(first.state, OrderSnapshot)
    assert first.etag == str(shop.record()["version"])
    reader = Reader(live_states, first.etag)
    publish_stage(shop, "validating")
    reader.join(SECONDS)
    assert reader.page is not None
    assert isinstance(reader.page.state, OrderSnapshot)
    assert reader.page.state.status == "validating"


def test_a_page_never_gets_an_older_state(live_states: LiveStates) -> None:
    first = live_states.wait_for_change("123", "", SECONDS)
    ahead = str(int(first.etag) + 1)
    assert not first.is_newer_than(ahead)
    assert first.is_newer_than("what no page ever showed")


def test_a_slow_reader_gets_the_latest_state(live_states: LiveStates, shop: FakeShop) -> None:
    etag = live_states.wait_for_change("123", "", SECONDS).etag
    for status in ("validating", "processing", "confirmed"):
        publish_stage(shop, status)
    wait_until(lambda: live_states.wait_for_change("123", etag, SECONDS).etag == str(shop.record()["version"]))


def test_one_request_serves_all_readers(live_states: LiveStates, shop: FakeShop) -> None:
    etag = live_states.wait_for_change("123", "", SECONDS).etag
    readers = [Reader(live_states, etag) for _ in range(20)]
    publish_stage(shop, "validating")
    for each in readers:
        each.join(SECONDS)
    assert {each.page.etag for each in readers if each.page} == {str(shop.record()["version"])}
    assert request_count(shop) < 20


def test_without_readers_there_are_no_requests(shop: FakeShop, live_states: LiveStates) -> None:
    assert live_states.watched_count == 0
    assert request_count(shop) == 0


def test_a_deleted_order_is_not_found(live_states: LiveStates, shop: FakeShop) -> None:
    assert shop.client(WORKFLOW).post("/cancel-order", json={"order_id": "123"}).status_code == 200
    etag = live_states.wait_for_change("123", "", SECONDS).etag
    reader = Reader(live_states, str(int(etag) + 1))
    # The order has ended, so a reader does not wait.
    reader.join(SECONDS)
    assert reader.page is not None
    assert reader.page.is_final
    shop.client(ORDER).delete("/order/123")
    wait_until(lambda: is_missing(live_states))


def is_missing(live_states: LiveStates) -> bool:
    try:
        live_states.wait_for_change("123", "", 0.01)
    except NotFound:
        return True
    return False


def test_an_unknown_order_is_not_found(live_states: LiveStates) -> None:
    with pytest.raises(NotFound):
        live_states.wait_for_change("none", "", SECONDS)


def test_readers_learn_that_role_order_is_unreachable_and_reachable_again(
    live_states: LiveStates, shop: FakeShop
) -> None:
    etag = live_states.wait_for_change("123", "", SECONDS).etag
    shop.sidecar.roles_down.add(ORDER)
    live_states.wait_for_change("123", etag, SECONDS)
    assert live_states.is_unreachable
    shop.sidecar.roles_down.clear()
    live_states.wait_for_change("123", etag, SECONDS, is_unreachable=True)
    assert not live_states.is_unreachable


def test_the_first_board_is_always_loaded(live_states: LiveStates) -> None:
    board = live_states.wait_for_change(BOARD, "", SECONDS).state
    assert isinstance(board, Board)
    assert [row.order_id for row in board.orders] == ["123"]


def test_a_board_changes_with_any_of_its_orders(live_states: LiveStates, shop: FakeShop) -> None:
    etag = live_states.wait_for_change(BOARD, "", SECONDS).etag
    publish_stage(shop, "validating")
    second = live_states.wait_for_change(BOARD, etag, SECONDS).etag
    shop.place("124")
    third = live_states.wait_for_change(BOARD, second, SECONDS)
    assert len({etag, second, third.etag}) == 3
    assert isinstance(third.state, Board)
    assert third.state.counts.open == 2


def test_streams_are_limited_and_can_be_released(live_states: LiveStates) -> None:
    assert [live_states.reserve_stream() for _ in range(3)] == [True, True, False]
    live_states.release_stream()
    assert live_states.reserve_stream()


def test_a_stopping_process_wakes_every_reader(live_states: LiveStates, shop: FakeShop) -> None:
    etag = live_states.wait_for_change("123", "", SECONDS).etag
    readers = [Reader(live_states, etag) for _ in range(5)]
    began = time.monotonic()
    shop.limit.stopping.set()
    for each in readers:
        each.join(SECONDS)
    assert time.monotonic() - began < SECONDS / 2
    assert not live_states.reserve_stream()
