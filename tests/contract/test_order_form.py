"""The order form: what it accepts, which errors it shows, and that a form sent twice makes one order."""

import re
from typing import Any

import pytest
from fakes.shop import FakeShop
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pizzashop.domain.ids import is_generated_id
from pizzashop.pages.order_form import RETRY_SECONDS
from pizzashop.presentation.menu import MENU, SIZES
from pizzashop.roles import ORDER, WORKFLOW

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
GOOD = {"choice": "pepperoni.large", "name": "Ana", "address": "1 Oven Street", "phone": "555-0123"}


def form_order_id(html: str) -> str:
    """The id that the page gave its form."""
    found = re.search(r'name="order_id" value="([^"]+)"', html)
    assert found
    return found[1]


def send(client: FlaskClient, **form: str) -> TestResponse:
    return client.post("/", data={"order_id": form_order_id(client.get("/").text), **GOOD, **form})


def orders(shop: FakeShop) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.client(ORDER).get("/orders").json["orders"]
    return found


def test_the_menu_has_every_pizza_in_every_size_with_its_price(storefront: FlaskClient) -> None:
    html = storefront.get("/").text
    choices = re.findall(r'name="choice" value="([^"]+)"', html)
    assert choices == [f"{pizza.key}.{size.name}" for pizza in MENU for size in SIZES]
    assert "€7.00" in html


def test_an_order_leads_to_its_page(storefront: FlaskClient, shop: FakeShop) -> None:
    answer = send(storefront, name="  Ana  ")
    (order,) = orders(shop)
    assert (answer.status_code, answer.location) == (303, f"/orders/{order['order_id']}")
    assert is_generated_id(order["order_id"])
    assert (order["pizza_type"], order["size"]) == ("pepperoni", "large")
    assert order["customer"] == {"name": "Ana", "address": "1 Oven Street", "phone": "555-0123"}
    assert "pepperoni" in storefront.get(answer.location).text


def test_each_form_has_an_id_of_its_own(storefront: FlaskClient) -> None:
    assert form_order_id(storefront.get("/").text) != form_order_id(storefront.get("/").text)


def test_a_form_that_is_sent_twice_makes_one_order(storefront: FlaskClient, shop: FakeShop) -> None:
    order_id = form_order_id(storefront.get("/").text)
    first, second = (storefront.post("/", data={"order_id": order_id, **GOOD}) for _ in range(2))
    assert first.location == second.location == f"/orders/{order_id}"
    assert len(orders(shop)) == 1


def test_a_used_form_with_other_content_makes_a_second_order_on_the_next_click(
    storefront: FlaskClient, shop: FakeShop
) -> None:
    order_id = form_order_id(storefront.get("/").text)
    storefront.post("/", data={"order_id": order_id, **GOOD})
    other = {**GOOD, "choice": "funghi.small"}
    answer = storefront.post("/", data={"order_id": order_id, **other})
    assert answer.status_code == 409
    assert f'href="/orders/{order_id}"' in answer.text
    fresh = form_order_id(answer.text)
    assert storefront.post("/", data={"order_id": fresh, **other}).location == f"/orders/{fresh}"
    assert len(orders(shop)) == 2


@pytest.mark.parametrize(
    ("field", "sent", "error"),
    [
        ("choice", "", "Choose a pizza first"),
        ("choice", "pepperoni.huge", "Choose a pizza first"),
        ("choice", "stones.large", "Choose a pizza first"),
        ("name", "   ", "Tell us your name"),
        ("name", "x" * 201, "200 characters at most"),
        ("address", "", "Tell us where to bring it"),
        ("address", "1 Oven\x07Street", "nobody can read"),
        ("phone", "", "Tell us your number"),
        ("phone", "call me", "5 digits at least"),
    ],
)
def test_an_error_is_shown_beside_its_field_and_the_other_fields_are_kept(
    storefront: FlaskClient, shop: FakeShop, field: str, sent: str, error: str
) -> None:
    order_id = form_order_id(storefront.get("/").text)
    answer = storefront.post("/", data={"order_id": order_id, **GOOD, field: sent})
    assert answer.status_code == 400
    assert error in answer.text
    assert answer.text.count('aria-invalid="true"') == (field != "choice")
    assert all(f'value="{text}"' in answer.text for name, text in GOOD.items() if name not in (field, "choice"))
    assert (re.search(r'value="pepperoni.large"[^>]* checked', answer.text) is None) == (field == "choice")
    assert form_order_id(answer.text) == order_id
    assert orders(shop) == []


@pytest.mark.parametrize(
    ("field", "sent", "kept"),
    [
        ("name", "علی\u200cرضا", "علی\u200cرضا"),
        ("name", "Ana 👩\u200d🍳", "Ana 👩\u200d🍳"),
        ("name", "\ufeffAna\u00ad Ros\u00adsi", "Ana Rossi"),
        ("phone", "\u202a+49 30 12345\u202c", "+49 30 12345"),
        ("phone", "\u20661-800-PIZZA\u2069", "1-800-PIZZA"),
    ],
)
def test_invisible_characters_are_removed_but_joiners_are_kept(
    storefront: FlaskClient, shop: FakeShop, field: str, sent: str, kept: str
) -> None:
    assert send(storefront, **{field: sent}).status_code == 303
    assert orders(shop)[0]["customer"][field] == kept


def test_an_empty_form_shows_an_error_for_every_field(storefront: FlaskClient) -> None:
    answer = storefront.post("/", data={})
    assert (answer.status_code, answer.text.count('class="error"')) == (400, 4)


def test_an_id_that_the_shop_did_not_generate_is_replaced(storefront: FlaskClient, shop: FakeShop) -> None:
    send(storefront, order_id="123")
    assert is_generated_id(orders(shop)[0]["order_id"])


def test_while_role_workflow_is_unreachable_the_form_keeps_its_texts(storefront: FlaskClient, shop: FakeShop) -> None:
    order_id = form_order_id(storefront.get("/").text)
    shop.sidecar.roles_down.add(WORKFLOW)
    answer = storefront.post("/", data={"order_id": order_id, **GOOD})
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (503, True)
    assert "Nothing that you wrote is lost" in answer.text
    assert form_order_id(answer.text) == order_id
    assert 'value="1 Oven Street"' in answer.text


def test_while_the_shop_takes_no_order_the_page_sends_the_same_form_again_for_a_limited_time(
    storefront: FlaskClient, shop: FakeShop
) -> None:
    shop.sidecar.roles_down.add(WORKFLOW)
    form = {"order_id": form_order_id(storefront.get("/").text), **GOOD}
    for number, seconds in enumerate(RETRY_SECONDS, 1):
        html = storefront.post("/", data=form).text
        assert f'data-retry-seconds="{seconds}"' in html
        assert f'name="tries" value="{number}"' in html
        form["tries"] = str(number)
    assert sum(RETRY_SECONDS) <= 60
    last = storefront.post("/", data=form).text
    assert "data-retry-seconds" not in last
    assert 'name="tries"' not in last
    assert "Press the button again" in last


@pytest.mark.parametrize("tries", ["-1", "99", "1e3", "\u0661", HOSTILE])
def test_a_number_of_tries_that_the_page_did_not_send_is_ignored(
    storefront: FlaskClient, shop: FakeShop, tries: str
) -> None:
    shop.sidecar.roles_down.add(WORKFLOW)
    assert 'name="tries" value="1"' in send(storefront, tries=tries).text


def test_a_form_that_is_too_large_is_refused(storefront: FlaskClient, shop: FakeShop) -> None:
    assert send(storefront, name="x" * 100_000).status_code == 413
    assert orders(shop) == []


def test_a_link_can_choose_a_pizza(storefront: FlaskClient) -> None:
    assert re.search(r'value="funghi.small"[^>]* checked', storefront.get("/?pizza=funghi&size=small").text)
    assert not re.search(r"<input[^>]* checked", storefront.get("/?pizza=stones&size=small").text)


@pytest.mark.parametrize("field", ["name", "address", "phone", "choice", "order_id"])
def test_html_in_a_field_is_shown_as_text(storefront: FlaskClient, field: str) -> None:
    html = send(storefront, **{"phone": "", field: HOSTILE}).text
    assert "<script>alert" not in html
    assert "<img" not in html


def test_the_page_has_no_inline_style_or_script(storefront: FlaskClient) -> None:
    html = storefront.get("/").text
    assert " style=" not in html
    assert re.findall(r" on\w+=", html) == []
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))
