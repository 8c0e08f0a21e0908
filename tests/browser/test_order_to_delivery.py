"""An order from the form to the door: a customer, the kitchen, the manager and the courier, each at a browser."""

import re

import pytest
from person import PHONE, NewPerson, Person
from playwright.sync_api import expect
from shop_client import ShopClient

pytestmark = pytest.mark.usefixtures("shop")


def open_staff_page(person: NewPerson, path: str) -> Person:
    someone: Person = person()
    someone.open_page(path)
    return someone


def test_an_order_goes_from_the_form_to_the_door_with_one_remake(person: NewPerson, client: ShopClient) -> None:
    manager, kitchen = open_staff_page(person, "/manager"), open_staff_page(person, "/kitchen")
    courier = person(viewport=PHONE)
    courier.open_page("/delivery")
    customer = person(viewport=PHONE)

    order_id = customer.place_order("Pepperoni", "large")
    customer.expect_headline(re.compile("pepperoni", re.IGNORECASE))
    expect(kitchen.order_card(order_id)).to_contain_text("Pepperoni")

    expect(manager.order_card(order_id).get_by_label(f"Approve order {order_id}")).to_be_visible()
    manager.click_action("Remake…", order_id, "too dark")
    manager.expect_text("Sent back. The kitchen makes a new one.")
    customer.expect_text("The manager asked for a new one: too dark. We're making it again.")
    expect(kitchen.order_card(order_id)).to_contain_text("too dark")
    expect(kitchen.order_card(order_id)).to_contain_text("pizza 2")

    client.wait_for_status(order_id, "pending_validation", attempt=2)
    manager.open_page("/manager")
    manager.click_action("Approve", order_id)
    manager.expect_text("Approved. It goes on its way.")
    expect(courier.page.locator("body")).to_contain_text("Via Roma 1")
    expect(courier.page.locator("body")).to_contain_text("Ana Rossi")

    customer.expect_headline(re.compile("enjoy|delivered|arrived|here", re.IGNORECASE))
    expect(customer.page.get_by_role("link", name="Order another")).to_be_visible()
    expect(manager.order_card(order_id)).to_have_count(0)
    assert client.record(order_id)["status"] == "delivered"


def test_a_manager_pauses_and_resumes_an_order(person: NewPerson, client: ShopClient) -> None:
    customer, manager = person(), open_staff_page(person, "/manager")
    order_id = customer.place_order("Margherita", "small")
    manager.click_action("Pause", order_id)
    manager.expect_text("Paused.")
    customer.expect_text("The shop has paused your order for a moment.")
    manager.click_action("Resume", order_id)
    manager.expect_text("It goes on.")
    expect(customer.page.get_by_text("The shop has paused your order")).to_have_count(0)
    client.wait_for_status(order_id, "pending_validation")


def test_a_cancellation_asks_first(person: NewPerson, client: ShopClient) -> None:
    customer, manager = person(), open_staff_page(person, "/manager")
    order_id = customer.place_order("Funghi", "medium")
    manager.order_card(order_id).get_by_label(f"Cancel… order {order_id}").click()
    expect(manager.order_card(order_id).get_by_role("button", name=f"Cancel order {order_id}")).to_be_visible()
    assert client.record(order_id)["status"] != "cancelled"
    manager.order_card(order_id).get_by_role("textbox").fill("the customer called")
    manager.order_card(order_id).get_by_role("button", name=f"Cancel order {order_id}").click()
    manager.expect_text("Cancelled.")
    customer.expect_headline(re.compile("cancelled", re.IGNORECASE))
    assert client.wait_for_status(order_id, "cancelled")["history"][-1]["note"] == "the customer called"


def test_a_decision_on_an_outdated_page_does_not_count_for_the_next_pizza(
    person: NewPerson, client: ShopClient
) -> None:
    manager = person(java_script_enabled=False)
    order_id = client.place_order("old")
    client.wait_for_status(order_id, "pending_validation")
    manager.open_page("/manager")
    client.decide(order_id, approved=False, remake=True, attempt=1)
    client.wait_for_status(order_id, "pending_validation", attempt=2)
    manager.click_action("Approve", order_id)
    manager.expect_text(re.compile("Attempt 1 was sent back.*Nothing was changed"))
    assert client.record(order_id)["status"] == "pending_validation"


def test_a_manager_approves_several_orders_at_once(person: NewPerson, client: ShopClient) -> None:
    placed = [client.place_order("many") for _ in range(3)]
    for order_id in placed:
        client.wait_for_status(order_id, "pending_validation")
    manager = open_staff_page(person, "/manager")
    for order_id in placed[:2]:
        manager.page.get_by_label(f"Choose order {order_id}").check()
    manager.page.locator(".bulk").get_by_role("button", name="Approve").click()
    for order_id in placed[:2]:
        client.wait_for_status(order_id, "delivered")
    assert client.record(placed[2])["status"] == "pending_validation"


def test_an_order_is_found_by_its_customers_name(person: NewPerson) -> None:
    customer, manager = person(), open_staff_page(person, "/manager")
    order_id = customer.place_order(name="Zoë Quirk")
    manager.page.get_by_placeholder("Number or name").fill("quirk")
    manager.page.get_by_role("button", name="Find").click()
    manager.page.get_by_role("link", name=order_id).click()
    manager.expect_headline(order_id)
    assert "quirk" not in manager.page.url.lower()
    manager.expect_text("Via Roma 1")
