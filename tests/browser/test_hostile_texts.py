"""Every page shows the texts of customers and managers as text: no HTML or script in them is ever run."""

import pytest
from person import NewPerson
from playwright.sync_api import expect
from shop_client import ShopClient

pytestmark = pytest.mark.usefixtures("shop")

HOSTILE = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>{{7*7}}"


def test_html_in_an_order_is_only_text(person: NewPerson, client: ShopClient) -> None:
    order = {
        "order_id": "hostile",
        "pizza_type": HOSTILE[:64],
        "size": HOSTILE[:64],
        "customer": {"name": HOSTILE, "address": HOSTILE, "phone": HOSTILE},
        "wish": {"text": HOSTILE},
        "</script><script>alert(3)</script>": HOSTILE,
    }
    assert client.start(order)[0] == 200
    client.wait_for_status("hostile", "pending_validation")
    assert client.decide("hostile", approved=False, remake=True, note=HOSTILE, by=HOSTILE)[0] == 200
    client.wait_for_status("hostile", "pending_validation", attempt=2)
    assert client.decide("hostile", approved=True, by=HOSTILE)[0] == 200
    client.wait_for_status("hostile", "delivery_on_the_way", attempt=2)
    client.command("pause", "hostile")
    someone = person()
    someone.page.on("dialog", lambda dialog: someone.errors.append(f"it ran: {dialog.message}"))
    for path in ("/kitchen", "/manager", "/delivery", "/manager/orders", "/orders/hostile", "/manager/orders/hostile"):
        someone.open_page(path)
        expect(someone.page.locator("main")).to_be_visible()
        assert someone.page.locator("main img, main script").count() == 0
        assert "49" not in someone.page.locator("main").inner_text().replace(":49", "")
    someone.open_page("/orders/hostile")
    someone.expect_text("<img src=x onerror=alert(1)>")


def test_html_in_the_form_is_only_text(person: NewPerson) -> None:
    customer = person()
    customer.page.on("dialog", lambda dialog: customer.errors.append(f"it ran: {dialog.message}"))
    customer.open_page("/")
    for label in ("Your name", "Address"):
        customer.page.get_by_label(label).fill(HOSTILE)
    customer.page.get_by_role("button", name="Order").click()
    expect(customer.page.get_by_label("Your name")).to_have_value(HOSTILE)
