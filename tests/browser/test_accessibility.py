"""Every page can be used without scripts, with the keyboard alone and on a small phone; axe-core agrees."""

import re
from collections.abc import Callable, Iterator

import pytest
from fakes.supervisor import supervised
from person import DESKTOP, PHONE, SMALL_PHONE, NewPerson, Person
from playwright.sync_api import expect
from shop_client import ShopClient

from pizzashop.crash.requests import CrashFiles
from pizzashop.local.shop import Shop

pytestmark = pytest.mark.usefixtures("shop")

PAGES = (
    "/",
    "/kitchen",
    "/manager",
    "/delivery",
    "/manager/orders",
    "/manager/crash",
    "/orders/{id}",
    "/manager/orders/{id}",
    "/nowhere",
)


@pytest.fixture(scope="module")
def waiting(shop: Shop, client: ShopClient) -> Iterator[str]:
    """An order that waits for the manager, and a crash before, so that no page is empty."""
    order_id = client.place_order("a")
    client.wait_for_status(order_id, "pending_validation")
    with supervised(shop.state_dir):
        CrashFiles(shop.state_dir).kill("kitchen", {})
        yield order_id


def test_the_pages_work_without_scripts(person: NewPerson, client: ShopClient) -> None:
    customer, manager = person(java_script_enabled=False), person(java_script_enabled=False)
    order_id = customer.place_order("Diavola", "medium")
    client.wait_for_status(order_id, "pending_validation")
    customer.page.reload()
    customer.expect_text(re.compile("manager"))
    manager.open_page("/manager")
    manager.click_action("Approve", order_id)
    manager.expect_text("Approved.")
    client.wait_for_status(order_id, "delivered")
    customer.page.reload()
    expect(customer.page.get_by_role("link", name="Order another")).to_be_visible()


def test_the_pages_work_with_the_keyboard_alone(person: NewPerson, client: ShopClient) -> None:
    customer, manager = person(), person()
    customer.open_page("/")
    customer.page.keyboard.press("Tab")
    expect(customer.page.get_by_text("Skip to the content")).to_be_focused()
    customer.page.keyboard.press("Enter")
    tab_to(customer, lambda: customer.page.evaluate("document.activeElement.name") == "choice")
    customer.page.keyboard.press("Space")
    for label, text in (("Your name", "Ana"), ("Address", "Via Roma 1"), ("Phone", "555-0123")):
        field = customer.page.get_by_label(label)
        tab_to(customer, lambda field=field: field.evaluate("each => each === document.activeElement"))
        customer.page.keyboard.type(text)
    customer.page.keyboard.press("Enter")
    customer.page.wait_for_url(re.compile("/orders/"))
    order_id = customer.page.url.rpartition("/")[2]
    client.wait_for_status(order_id, "pending_validation")
    manager.open_page("/manager")
    button = manager.page.get_by_label(f"Approve order {order_id}")
    tab_to(manager, lambda: button.evaluate("each => each === document.activeElement"))
    assert button.evaluate("each => getComputedStyle(each).outlineStyle") != "none"
    manager.page.keyboard.press("Enter")
    manager.expect_text("Approved.")
    client.wait_for_status(order_id, "delivered")


def tab_to(someone: Person, there: Callable[[], bool]) -> None:
    for _ in range(120):
        someone.page.keyboard.press("Tab")
        if there():
            return
    raise AssertionError("the keyboard does not get there")


@pytest.mark.parametrize("path", PAGES)
def test_no_page_is_wider_than_a_small_phone(person: NewPerson, waiting: str, path: str) -> None:
    for viewport in (PHONE, SMALL_PHONE):
        someone = person(viewport=viewport)
        someone.open_page(path.format(id=waiting))
        assert someone.page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_no_serious_violation(person: NewPerson, waiting: str, path: str, scheme: str) -> None:
    for viewport in (DESKTOP, PHONE):
        someone = person(viewport=viewport, color_scheme=scheme)
        someone.open_page(path.format(id=waiting))
        assert someone.accessibility_violations() == []


def test_an_error_describes_its_field(person: NewPerson) -> None:
    customer = person()
    customer.open_page("/")
    customer.page.get_by_label("Your name").fill("Ana Rossi")
    customer.page.get_by_role("button", name="Order").click()
    address = customer.page.get_by_label("Address")
    expect(address).to_have_attribute("aria-invalid", "true")
    expect(address).to_have_accessible_description("Tell us where to bring it")
    expect(customer.page.get_by_label("Your name")).to_have_value("Ana Rossi")
