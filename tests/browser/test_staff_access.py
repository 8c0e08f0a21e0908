"""With a sign-in: who may open which page, and requests that a browser cannot be tricked into."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from person import PACE, SHOP, NewPerson, Person
from playwright.sync_api import expect
from shop_client import OpenShop, ShopClient

from pizzashop.auth.accounts import Accounts

TOKEN = "a-token-of-all-the-staff"
PASSWORD = "a long enough password"


@pytest.fixture(scope="module")
def guarded(open_shop: OpenShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A shop whose staff signs in: ana runs it, kim cooks, cleo drives."""
    state_dir = tmp_path_factory.mktemp("guarded")
    accounts = Accounts(state_dir / "staff.json")
    for name, role in (("ana", "manager"), ("kim", "kitchen"), ("cleo", "courier")):
        accounts.add(name, (role,), PASSWORD)
    tokens = {"APP_API_TOKEN": "between-role-and-sidecar", "PIZZASHOP_STAFF_TOKEN": TOKEN}
    with open_shop(state_dir, tokens, pace=PACE, state_dir=state_dir):
        yield state_dir


def signs_in(person: NewPerson, name: str, path: str) -> Person:
    someone: Person = person()
    someone.open_page(path)
    someone.page.get_by_label("Your name").fill(name)
    someone.page.get_by_label(re.compile("^Your password")).fill(PASSWORD)
    someone.page.get_by_role("button", name="Sign in").click()
    return someone


@pytest.mark.usefixtures("guarded")
def test_a_manager_signs_in_and_decides_under_their_name(person: NewPerson) -> None:
    customer, manager = person(), signs_in(person, "ana", "/manager")
    order_id = customer.place_order()
    expect(manager.order_card(order_id).get_by_label(f"Approve order {order_id}")).to_be_visible()
    manager.click_action("Approve", order_id)
    manager.expect_text("Approved.")
    expect(customer.page.get_by_role("link", name="Order another")).to_be_visible()
    manager.open_page(f"/manager/orders/{order_id}")
    expect(manager.page.locator(".history")).to_contain_text("approved by ana")
    manager.page.get_by_role("button", name="Sign out").click()
    manager.open_page("/manager")
    expect(manager.page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.usefixtures("guarded")
@pytest.mark.parametrize(("name", "own"), [("kim", "/kitchen"), ("cleo", "/delivery")])
def test_each_role_opens_only_its_own_pages(person: NewPerson, name: str, own: str) -> None:
    someone = signs_in(person, name, own)
    expect(someone.page.get_by_role("navigation", name="Staff").get_by_role("link")).to_have_count(1)
    for path in {"/kitchen", "/delivery", "/manager", "/manager/orders"} - {own}:
        answer = someone.page.goto(SHOP + path)
        assert answer is not None
        assert answer.status == 403
        someone.expect_text("You may not do this")


@pytest.mark.usefixtures("guarded")
def test_a_customer_needs_the_link_of_an_order(person: NewPerson, client: ShopClient) -> None:
    customer = person()
    order_id = customer.place_order()
    assert client.start({"order_id": "123", "pizza_type": "tonno", "size": "small"})[0] == 200
    customer.open_page("/orders/123")
    expect(customer.page.get_by_role("heading", name="Sign in")).to_be_visible()
    customer.open_page(f"/orders/{order_id}")
    expect(customer.page.locator("body")).not_to_contain_text("Via Roma 1")
    assert customer.page.request.get(f"http://localhost:8001/order/{order_id}").status == 401


@pytest.mark.usefixtures("guarded")
def test_a_forged_form_does_nothing(person: NewPerson) -> None:
    customer, manager = person(), signs_in(person, "ana", "/manager")
    order_id = customer.place_order()
    expect(manager.order_card(order_id)).to_be_visible()
    forged = {"csrf_token": "forged", "attempt": "1"}
    for form in (forged, {"attempt": "1"}):
        answer = manager.page.request.post(f"{SHOP}/manager/orders/{order_id}/cancel", form=form)
        assert answer.status == 403
    foreign = manager.page.request.post(
        f"{SHOP}/manager/orders/{order_id}/cancel", form=forged, headers={"Origin": "https://elsewhere.example"}
    )
    assert foreign.status == 403
    manager.open_page(f"/manager/orders/{order_id}")
    expect(manager.page.locator(".history")).not_to_contain_text("cancelled")


@pytest.mark.usefixtures("guarded")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation_on_the_sign_in_page(person: NewPerson, scheme: str) -> None:
    someone = person(color_scheme=scheme)
    someone.open_page("/sign-in")
    assert someone.accessibility_violations() == []
    someone.page.get_by_label("Your name").fill("ana")
    someone.page.get_by_label(re.compile("^Your password")).fill("not hers")
    someone.page.get_by_role("button", name="Sign in").click()
    expect(someone.page.get_by_role("alert")).to_be_visible()
    assert someone.accessibility_violations() == []
