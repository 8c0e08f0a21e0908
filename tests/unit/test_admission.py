"""AdmissionControl: what a process takes in at a time, and what it answers beyond."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pizzashop.errors import Unavailable
from pizzashop.server.admission import AdmissionControl, Environ, StartResponse
from pizzashop.workflow.capacity import Capacity


class Call:
    """One request, and what was answered."""

    def __init__(self, path: str = "/", **environ: str) -> None:
        self.environ = {"PATH_INFO": path, **environ}

    def to(self, admission: AdmissionControl) -> "Call":
        self.body = b"".join(admission(self.environ, self._start))
        return self

    def _start(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.status, self.headers = status, dict(headers)


@pytest.fixture
def full() -> Iterator[AdmissionControl]:
    """One place, taken by a request that is served for as long as the test lasts."""
    inside, over = threading.Event(), threading.Event()

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        if environ["PATH_INFO"] == "/slow":
            inside.set()
            over.wait(10)
        start_response("200 OK", [])
        return [b"served"]

    admission = AdmissionControl(application, places=1)
    thread = threading.Thread(target=Call("/slow").to, args=(admission,))
    thread.start()
    assert inside.wait(10)
    yield admission
    over.set()
    thread.join()
    assert Call("/any").to(admission).status == "200 OK"


def test_beyond_the_places_it_is_503_with_retry_after(full: AdmissionControl) -> None:
    call = Call("/start-order").to(full)
    assert call.status.startswith("503")
    assert int(call.headers["Retry-After"]) > 0
    assert json.loads(call.body)["status"] == 503


@pytest.mark.parametrize(
    "call", [Call("/healthz"), Call("/orders-sub"), Call("/order/1/claim", HTTP_DAPR_CALLER_APP_ID="pizza-kitchen")]
)
def test_health_events_and_other_roles_are_always_served(full: AdmissionControl, call: Call) -> None:
    assert call.to(full).status == "200 OK"


@pytest.mark.parametrize(("shown", "served"), [("the sidecar's", True), ("another", False), ("", False)])
def test_where_the_sidecar_has_a_token_nobody_else_passes_for_a_role(shown: str, served: bool) -> None:
    admission = AdmissionControl(_answer, 0, lambda token: token == "the sidecar's")
    call = Call("/order/1/claim", HTTP_DAPR_CALLER_APP_ID="pizza-kitchen", HTTP_DAPR_API_TOKEN=shown).to(admission)
    assert call.status.startswith("200" if served else "503")


def _answer(_: Environ, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [])
    return []


def _start(hand: Capacity, order_id: str) -> None:
    with hand.starting(order_id):
        pass


def test_no_order_is_started_beyond_those_in_hand() -> None:
    hand = Capacity(2)
    _start(hand, "1")
    with hand.under_way("2"), pytest.raises(Unavailable):
        _start(hand, "3")
    _start(hand, "3")


def test_an_order_that_begins_is_counted_once() -> None:
    hand = Capacity(2)
    _start(hand, "1")
    with hand.under_way("1"):
        _start(hand, "2")


def test_only_so_many_are_started_at_once() -> None:
    hand = Capacity(9, starts_at_once=1, turn_seconds=0.01)
    with hand.starting("1"), pytest.raises(Unavailable):
        _start(hand, "2")
    _start(hand, "2")


def test_a_rush_is_taken_in_one_after_another() -> None:
    hand = Capacity(9, starts_at_once=1, turn_seconds=60)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: _start(hand, str(number)), range(8)))


def test_a_start_that_fails_leaves_its_place() -> None:
    hand = Capacity(1)
    with pytest.raises(KeyError), hand.starting("1"):
        raise KeyError
    _start(hand, "2")


def test_what_began_elsewhere_is_not_expected_for_ever() -> None:
    hand = Capacity(1, begin_seconds=0)
    _start(hand, "1")
    _start(hand, "2")
