"""The part of a page that changes: its server-sent events, and the answers for pages without a stream."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from fakes.accounts import PAGE, PASSWORDS, bearer, csrf, make_authenticator, sign_in
from fakes.shop import FakeShop, stage
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pizzashop.auth.authentication import Authenticator
from pizzashop.pages import live
from pizzashop.pages.live import StreamSocket, format_event
from pizzashop.roles import ORDER, STOREFRONT, WORKFLOW

HOSTILE = "x\n\nevent: gone\rdata: <script>\r\n\r\n"
SSE = {"Accept": "text/event-stream"}
BOARDS = ("/live/kitchen", "/live/manager", "/live/delivery")


@pytest.fixture
def shop() -> Iterator[FakeShop]:
    """A shop with one order, in which two pages can be kept up to date."""
    made = FakeShop(pace=1, watchers=2)
    made.place()
    yield made
    made.limit.stopping.set()


def get(shop: FakeShop, path: str, **headers: str) -> TestResponse:
    return shop.client(STOREFRONT).get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})


def open_stream(shop: FakeShop, path: str, **headers: str) -> TestResponse:
    return get(shop, path, **{**SSE, **headers})


def cancel(shop: FakeShop) -> None:
    assert shop.client(WORKFLOW).post("/cancel-order", json={"order_id": "123"}).status_code == 200


def publish_stage(shop: FakeShop, status: str) -> None:
    shop.client(ORDER).post("/orders-sub", json={"data": stage(status)})


class Stream:
    """The events of a stream, one by one."""

    def __init__(self, response: TestResponse) -> None:
        assert response.status_code == 200, response.text
        assert response.mimetype == "text/event-stream"
        self.head = next(response.response)
        self._chunks: Any = response.response

    def next(self) -> dict[str, str]:
        text = ""
        while not text.startswith("event:"):
            text = next(self._chunks).decode()
        assert text.endswith("\n\n")
        lines = [line.partition(": ") for line in text.rstrip("\n").split("\n")]
        found = {name: value for name, _, value in lines if name != "data"}
        return {**found, "data": "\n".join(value for name, _, value in lines if name == "data")}

    def until(self, event: str) -> None:
        """Read on to this event, which is the last."""
        while self.next()["event"] != event:
            pass
        with pytest.raises(StopIteration):
            self.next()


@pytest.mark.parametrize("path", ["/live/orders/123", "/live/manager/orders/123", *BOARDS])
def test_a_stream_begins_with_the_present_part_and_goes_on_with_changes(shop: FakeShop, path: str) -> None:
    with closing(open_stream(shop, path)) as response:
        stream = Stream(response)
        first = stream.next()
        publish_stage(shop, "cooking_baking")
        second = stream.next()
    assert first["event"] == second["event"] == "shown"
    assert first["id"] != second["id"]
    assert first["data"] != second["data"]


@pytest.mark.parametrize("sent_in", ["header", "address"])
def test_a_page_that_connects_again_gets_what_it_missed(shop: FakeShop, sent_in: str) -> None:
    with closing(open_stream(shop, "/live/orders/123")) as response:
        last_id = Stream(response).next()["id"]
    again: dict[str, Any] = {"Last_Event_ID": last_id} if sent_in == "header" else {}
    path = "/live/orders/123" + ("" if sent_in == "header" else f"?since={last_id}")
    with closing(open_stream(shop, path, **again)) as response:
        stream = Stream(response)
        publish_stage(shop, "validating")
        publish_stage(shop, "cooking_baking")
        event = stream.next()
        while "is in the oven" not in event["data"]:
            event = stream.next()
    assert int(event["id"]) > int(last_id)
    assert "Checking the order" in event["data"]  # the history also has the stage in between


def test_a_page_that_is_up_to_date_gets_nothing(shop: FakeShop) -> None:
    for page, path in (("/orders/123", "/live/orders/123"), ("/manager", "/live/manager")):
        html = get(shop, page).text
        marked = re.search(r'data-live="([^"]+)" data-etag="([^"]+)"', html)
        assert marked
        assert marked[1] == path
        assert get(shop, path, If_None_Match=f'"{marked[2]}"').status_code == 304


def test_a_stream_ends_with_the_order(shop: FakeShop) -> None:
    cancel(shop)
    with closing(open_stream(shop, "/live/orders/123")) as response:
        stream = Stream(response)
        assert [stream.next()["event"], stream.next()["event"]] == ["shown", "over"]
        with pytest.raises(StopIteration):
            stream.next()


def test_a_page_learns_that_its_order_does_not_exist(shop: FakeShop) -> None:
    with closing(open_stream(shop, "/live/orders/none")) as response:
        assert Stream(response).next()["event"] == "gone"
    assert get(shop, "/live/orders/none", Accept="text/html").status_code == 404
    assert get(shop, "/live/orders/%00").status_code == 404


def test_a_page_learns_that_role_order_is_unreachable_and_is_back(shop: FakeShop) -> None:
    with closing(open_stream(shop, "/live/orders/123")) as response:
        stream = Stream(response)
        stream.next()
        shop.sidecar.roles_down.add(ORDER)
        assert stream.next()["event"] == "away"
        assert get(shop, "/live/orders/123").status_code == 503
        shop.sidecar.roles_down.clear()
        assert stream.next()["event"] == "back"


def test_a_page_without_a_free_stream_asks_repeatedly(shop: FakeShop) -> None:
    first, second = (open_stream(shop, "/live/orders/123") for _ in range(2))
    refused = open_stream(shop, "/live/orders/123")
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    asked = get(shop, "/live/orders/123", Accept="text/html")
    assert (asked.status_code, "We have your order" in asked.text) == (200, True)
    assert int(asked.headers["Retry-After"]) > 0
    again = get(shop, "/live/orders/123", If_None_Match=asked.headers["ETag"])
    assert (again.status_code, again.text) == (304, "")
    # A stream is free again after its browser has left, even before the first event.
    first.close()
    with closing(open_stream(shop, "/live/orders/123")) as response:
        assert Stream(response).next()["event"] == "shown"
    second.close()


def test_streams_end_when_the_process_stops(shop: FakeShop) -> None:
    with closing(open_stream(shop, "/live/kitchen")) as response:
        stream = Stream(response)
        stream.next()
        shop.limit.stopping.set()
        with pytest.raises(StopIteration):
            stream.next()


def test_no_text_of_an_order_can_pass_for_an_event() -> None:
    text = format_event("shown", HOSTILE, "7")
    assert text.split("\n")[:2] == ["event: shown", "id: 7"]
    assert all(line.startswith("data: ") for line in text.rstrip("\n").split("\n")[2:])
    assert "\r" not in text


def fill(sock: socket.socket) -> None:
    """Send until the buffers are full."""
    sock.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            sock.send(b"x" * 65536)


def test_a_stream_ends_when_its_browser_accepts_no_more() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection = StreamSocket(ours, seconds=0.05)
        assert connection.can_continue(60)
        fill(ours)
        assert not connection.can_continue(60)


def test_a_stream_ends_at_its_maximum_age() -> None:
    connection = StreamSocket(None)
    assert connection.can_continue(60)
    assert not connection.can_continue(-1)


def test_a_slow_page_delays_no_order(shop: FakeShop) -> None:
    with closing(open_stream(shop, "/live/orders/123")) as response:
        # The page reads the head of the stream, and nothing else.
        Stream(response)
        publishing = threading.Thread(target=publish_stage, args=(shop, "cooking_baking"))
        publishing.start()
        publishing.join(5)
        assert not publishing.is_alive()
        assert shop.record()["status"] == "cooking_baking"


class TestAccessDuringAStream:
    """A stream may last longer than the access of its reader."""

    @pytest.fixture
    def authenticator(self, tmp_path: Path) -> Authenticator:
        return make_authenticator(tmp_path)

    @pytest.fixture
    def shop(self, authenticator: Authenticator) -> Iterator[FakeShop]:
        made = FakeShop(pace=1, watchers=9, authenticator=authenticator)
        yield made
        made.limit.stopping.set()

    @pytest.fixture
    def client(self, shop: FakeShop, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
        monkeypatch.setattr(live, "STREAM_HEARTBEAT_SECONDS", 0.05)
        client = shop.client(STOREFRONT)
        sign_in(client)
        return client

    def test_access_is_checked_at_least_every_15_seconds(self) -> None:
        assert live.STREAM_HEARTBEAT_SECONDS <= 15

    @pytest.mark.parametrize(
        "revoke",
        [
            lambda authenticator, _shop, _client: authenticator.accounts.remove("ana"),
            lambda authenticator, _shop, _client: authenticator.accounts.add("ana", ("manager",), "another password"),
            lambda authenticator, _shop, _client: authenticator.accounts.add("ana", ("kitchen",), PASSWORDS["ana"]),
            lambda _door, shop, _client: shop.run_housekeeping(days=1),
            lambda _door, _shop, client: client.post("/sign-out", data={"csrf_token": csrf(client, "/manager")}),
        ],
        ids=["account removed", "password changed", "role taken away", "session over", "signed out"],
    )
    def test_a_stream_ends_when_its_reader_loses_access(
        self,
        shop: FakeShop,
        authenticator: Authenticator,
        client: FlaskClient,
        revoke: Callable[[Authenticator, FakeShop, FlaskClient], object],
    ) -> None:
        stream = Stream(client.get("/live/manager", headers=SSE))
        assert stream.next()["event"] == "shown"
        revoke(authenticator, shop, client)
        stream.until("gone")

    def test_the_stream_of_a_program_ends_with_its_token(
        self, shop: FakeShop, authenticator: Authenticator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live, "STREAM_HEARTBEAT_SECONDS", 0.05)
        stream = Stream(shop.client(STOREFRONT).get("/live/manager", headers={**SSE, **bearer("ana")}))
        assert stream.next()["event"] == "shown"
        assert authenticator.accounts
        authenticator.accounts.issue_token("ana")
        stream.until("gone")

    def test_a_signed_out_session_is_invalid(self, client: FlaskClient) -> None:
        cookie = client.get_cookie("pizzashop")
        assert cookie
        client.post("/sign-out", data={"csrf_token": csrf(client, "/manager")})
        client.set_cookie("pizzashop", cookie.value)
        assert client.get("/manager", headers=PAGE).status_code == 303
