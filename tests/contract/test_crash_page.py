"""The page that kills a part of the shop: only where `pizzashop up` runs it, and nobody else can reach it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.accounts import PAGE, csrf, make_authenticator, sign_in
from fakes.shop import FakeShop
from fakes.supervisor import PARTS, supervised
from flask.testing import FlaskClient

from pizzashop.crash.requests import CrashRequest
from pizzashop.roles import ORDER, STOREFRONT

PATH = "/manager/crash"


@pytest.fixture
def shop(tmp_path: Path) -> FakeShop:
    return FakeShop(state_dir=tmp_path)


@pytest.fixture
def requests(tmp_path: Path) -> Iterator[list[CrashRequest]]:
    with supervised(tmp_path) as requests:
        yield requests


@pytest.fixture
def client(shop: FakeShop) -> FlaskClient:
    return shop.client(STOREFRONT)


def test_the_page_offers_each_part(client: FlaskClient, requests: list[CrashRequest]) -> None:
    page = client.get(PATH, headers=PAGE)
    assert page.status_code == 200
    assert [part for part in PARTS if f">{part}</option>" not in page.text] == []
    assert "Nothing was killed yet" in page.text
    assert f'href="{PATH}"' in client.get("/manager", headers=PAGE).text
    assert requests == []


def test_a_part_is_killed_and_the_page_shows_the_orders(
    shop: FakeShop, client: FlaskClient, requests: list[CrashRequest]
) -> None:
    shop.place()
    answer = client.post(PATH, data={"part": "kitchen"})
    assert (answer.status_code, answer.location) == (303, PATH)
    assert [(each.part, list(each.orders)) for each in requests] == [("kitchen", ["123"])]
    assert "went on" not in client.get(PATH, headers=PAGE).text
    shop.engine.run("123")
    page = client.get(PATH, headers=PAGE).text
    assert "went on" in page
    assert "Nothing was lost: the order has its whole history and went on." in page


def test_the_live_page_ends_when_the_crash_is_over(client: FlaskClient, requests: list[CrashRequest]) -> None:
    client.post(PATH, data={"part": "kitchen"})
    stream = client.get("/live/manager/crash", headers={"Accept": "text/event-stream"})
    assert "kitchen is ready again. No order was under way" in stream.text
    assert stream.text.endswith("event: over\ndata: \n\n")
    part = client.get("/live/manager/crash", headers=PAGE)
    assert "kitchen is ready again" in part.text
    assert len(requests) == 1


def test_the_page_stays_while_the_orders_cannot_be_read(
    shop: FakeShop, client: FlaskClient, requests: list[CrashRequest]
) -> None:
    shop.place()
    client.post(PATH, data={"part": "kitchen"})
    shop.sidecar.roles_down.add(ORDER)
    page = client.get(PATH, headers=PAGE)
    assert page.status_code == 200
    assert "The orders cannot be read while this part is away: 123." in page.text
    assert requests


def test_this_role_itself_is_killed_after_its_answer(client: FlaskClient, requests: list[CrashRequest]) -> None:
    assert client.post(PATH, data={"part": "storefront"}).status_code == 303
    assert requests[0].delay_seconds > 0


def test_an_unknown_part_is_refused(client: FlaskClient, requests: list[CrashRequest]) -> None:
    page = client.post(PATH, data={"part": "<b>oven"}, headers=PAGE)
    assert page.status_code == 400
    assert "is no part that can be killed" in page.text
    assert "<b>oven" not in page.text
    assert requests == []


def test_a_refusal_of_the_supervisor_is_shown(client: FlaskClient, tmp_path: Path) -> None:
    with supervised(tmp_path, refusal="kitchen was just killed: wait"):
        page = client.post(PATH, data={"part": "kitchen"}, headers=PAGE)
    assert page.status_code == 409
    assert "kitchen was just killed: wait" in page.text


def test_a_page_of_another_site_kills_nothing(client: FlaskClient, requests: list[CrashRequest]) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert client.post(PATH, data={"part": "kitchen"}, headers=headers).status_code == 403
    assert client.post(PATH, data={"part": "kitchen"}, headers={"Host": "evil.example"}).status_code == 421
    assert requests == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_a_supervisor_it_is_refused(client: FlaskClient, method: str) -> None:
    answer = client.open(PATH, method=method, data={"part": "kitchen"} if method == "POST" else None)
    assert answer.status_code == 409
    assert answer.json["detail"].startswith("Only in a shop that `pizzashop up` runs on this machine")
    assert PATH not in client.get("/manager", headers=PAGE).text


@pytest.mark.parametrize("path", [PATH, "/live/manager/crash"])
def test_behind_a_proxy_it_is_refused(tmp_path: Path, requests: list[CrashRequest], path: str) -> None:
    client = FakeShop(state_dir=tmp_path, hosts="pizza.example").client(STOREFRONT)
    assert client.get(path).status_code == 409
    assert client.post(PATH, data={"part": "kitchen"}).status_code == 409
    assert requests == []


def test_where_the_staff_signs_in_it_is_refused(tmp_path: Path, requests: list[CrashRequest]) -> None:
    shop = FakeShop(make_authenticator(tmp_path), state_dir=tmp_path)
    client = shop.client(STOREFRONT)
    assert client.post(PATH, data={"part": "kitchen"}).status_code == 401
    sign_in(client)
    answer = client.post(PATH, data={"part": "kitchen", "csrf_token": csrf(client, "/manager")})
    assert answer.status_code == 409
    assert answer.json["detail"].startswith("Only in a shop that `pizzashop up` runs")
    assert requests == []
