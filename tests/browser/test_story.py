"""The whole story: a customer, the kitchen, the manager and the courier, each at a browser of their own."""

import re

import pytest
from person import PHONE, NewPerson, Person
from playwright.sync_api import expect
from shop_client import ShopClient

pytestmark = pytest.mark.usefixtures("shop")


def staff_at(person: NewPerson, path: str) -> Person:
    someone: Person = person()
    someone.goes(path)
    return someone


def test_from_the_order_form_to_the_door_with_a_remake_in_between(person: NewPerson, client: ShopClient) -> None:
    manager, kitchen = staff_at(person, "/manager"), staff_at(person, "/kitchen")
    courier = person(viewport=PHONE)
    courier.goes("/delivery")
    customer = person(viewport=PHONE)

    order_id = customer.orders("Pepperoni", "large")
    customer.heads(re.compile("pepperoni", re.IGNORECASE))
    expect(kitchen.card(order_id)).to_contain_text("Pepperoni")

    expect(manager.card(order_id).get_by_label(f"Approve order {order_id}")).to_be_visible()
    manager.does("Remake…", order_id, "too dark")
    manager.sees("Sent back. The kitchen makes a new one.")
    customer.sees("The manager asked for a new one: too dark. We're making it again.")
    expect(kitchen.card(order_id)).to_contain_text("too dark")
    expect(kitchen.card(order_id)).to_contain_text("pizza 2")

    client.until(order_id, "pending_validation", attempt=2)
    manager.goes("/manager")
    manager.does("Approve", order_id)
    manager.sees("Approved. It goes on its way.")
    expect(courier.page.locator("body")).to_contain_text("Via Roma 1")
    expect(courier.page.locator("body")).to_contain_text("Ana Rossi")

    customer.heads(re.compile("enjoy|delivered|arrived|here", re.IGNORECASE))
    expect(customer.page.get_by_role("link", name="Order another")).to_be_visible()
    expect(manager.card(order_id)).to_have_count(0)
    assert client.record(order_id)["status"] == "delivered"


def test_pause_and_resume(person: NewPerson, client: ShopClient) -> None:
    customer, manager = person(), staff_at(person, "/manager")
    order_id = customer.orders("Margherita", "small")
    manager.does("Pause", order_id)
    manager.sees("Paused.")
    customer.sees("The shop has paused your order for a moment.")
    manager.does("Resume", order_id)
    manager.sees("It goes on.")
    expect(customer.page.get_by_text("The shop has paused your order")).to_have_count(0)
    client.until(order_id, "pending_validation")


def test_cancel_asks_first(person: NewPerson, client: ShopClient) -> None:
    customer, manager = person(), staff_at(person, "/manager")
    order_id = customer.orders("Funghi", "medium")
    manager.card(order_id).get_by_label(f"Cancel… order {order_id}").click()
    expect(manager.card(order_id).get_by_role("button", name=f"Cancel order {order_id}")).to_be_visible()
    assert client.record(order_id)["status"] != "cancelled"
    manager.card(order_id).get_by_role("textbox").fill("the customer called")
    manager.card(order_id).get_by_role("button", name=f"Cancel order {order_id}").click()
    manager.sees("Cancelled.")
    customer.heads(re.compile("cancelled", re.IGNORECASE))
    assert client.until(order_id, "cancelled")["history"][-1]["note"] == "the customer called"


def test_a_decision_on_an_old_page_does_not_hit_the_next_pizza(person: NewPerson, client: ShopClient) -> None:
    manager = person(java_script_enabled=False)
    order_id = client.placed("old")
    client.until(order_id, "pending_validation")
    manager.goes("/manager")
    client.decide(order_id, approved=False, remake=True, attempt=1)
    client.until(order_id, "pending_validation", attempt=2)
    manager.does("Approve", order_id)
    manager.sees(re.compile("Attempt 1 was sent back.*Nothing was changed"))
    assert client.record(order_id)["status"] == "pending_validation"


def test_several_orders_at_once(person: NewPerson, client: ShopClient) -> None:
    placed = [client.placed("many") for _ in range(3)]
    for order_id in placed:
        client.until(order_id, "pending_validation")
    manager = staff_at(person, "/manager")
    for order_id in placed[:2]:
        manager.page.get_by_label(f"Choose order {order_id}").check()
    manager.page.locator(".several").get_by_role("button", name="Approve").click()
    for order_id in placed[:2]:
        client.until(order_id, "delivered")
    assert client.record(placed[2])["status"] == "pending_validation"


def test_an_order_is_found_by_its_customers_name(person: NewPerson) -> None:
    customer, manager = person(), staff_at(person, "/manager")
    order_id = customer.orders(name="Zoë Quirk")
    manager.page.get_by_placeholder("Number or name").fill("quirk")
    manager.page.get_by_role("button", name="Find").click()
    manager.page.get_by_role("link", name=order_id).click()
    manager.heads(order_id)
    assert "quirk" not in manager.page.url.lower()
    manager.sees("Via Roma 1")
