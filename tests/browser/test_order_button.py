"""The order button after an error: it can be used again without a reload, and the clicks make one order."""

import re
import threading
from typing import Any

import pytest
from fakes.shop import FakeShop
from in_process import Answer, serve
from person import NewPerson, Person
from playwright.sync_api import expect
from shop_client import eventually

from pizzashop.roles import ORDER, STOREFRONT, WORKFLOW


@pytest.fixture
def fake_shop() -> FakeShop:
    return FakeShop()


def fill(customer: Person, address: str) -> None:
    """Open the page, and fill in the form."""
    customer.page.goto(address)
    customer.page.get_by_role("radio", name="Pepperoni, large").check(force=True)
    for label, text in (("Your name", "Ana"), ("Address", "Via Roma 1"), ("Phone", "1-800-PIZZA")):
        customer.page.get_by_label(label).fill(text)


def orders(shop: FakeShop) -> list[str]:
    return [each["order_id"] for each in shop.client(ORDER).get("/orders").json["orders"]]


def lose_answer(shop: FakeShop, environ: dict[str, Any]) -> None:
    """Let the order arrive, and lose the answer."""
    b"".join(shop.sidecar.apps[STOREFRONT](environ, lambda *_: lambda _: None))


@pytest.mark.parametrize("arrives_first", [True, False])
def test_the_button_can_be_used_again_after_an_empty_answer(
    person: NewPerson, fake_shop: FakeShop, arrives_first: bool
) -> None:
    sent: list[str] = []

    def handle(environ: dict[str, Any], forward: Any) -> Answer | None:
        if environ["REQUEST_METHOD"] != "POST" or sent:
            return forward()
        sent.append("POST")
        if arrives_first:
            lose_answer(fake_shop, environ)
        return None

    with serve(fake_shop, handle) as address:
        customer = person()
        fill(customer, address)
        button = customer.page.locator("#order")
        button.click()
        expect(button).to_have_text(re.compile("^Order for"))
        expect(button).not_to_have_attribute("aria-busy", "true")
        button.click()
        expect(customer.page).to_have_url(re.compile("/orders/"))
        assert orders(fake_shop) == [customer.page.url.rpartition("/")[2]]


def test_the_button_can_be_used_again_after_the_request_was_stopped(person: NewPerson, fake_shop: FakeShop) -> None:
    sent, over = threading.Event(), threading.Event()

    def handle(environ: dict[str, Any], forward: Any) -> Answer | None:
        if environ["REQUEST_METHOD"] == "POST" and not sent.is_set():
            sent.set()
            over.wait(60)
            return None
        return forward()

    with serve(fake_shop, handle) as address:
        customer = person()
        fill(customer, address)
        # In the page's own script, because Playwright would wait for the pending request.
        customer.page.evaluate(
            """() => {
                const button = document.getElementById("order");
                setTimeout(() => button.click());
                setTimeout(() => { window.stop(); window.seen = button.textContent }, 1500);
                setInterval(() => /^Order for/.test(button.textContent) && window.seen && button.click(), 1000);
            }"""
        )
        expect(customer.page).to_have_url(re.compile("/orders/"))
        assert sent.is_set()
        assert orders(fake_shop) == [customer.page.url.rpartition("/")[2]]
        over.set()


def test_the_button_can_be_used_again_when_the_browser_goes_offline(person: NewPerson, fake_shop: FakeShop) -> None:
    over = threading.Event()

    def handle(environ: dict[str, Any], forward: Any) -> Answer | None:
        if environ["REQUEST_METHOD"] != "POST":
            return forward()
        over.wait(60)
        return None

    with serve(fake_shop, handle) as address:
        customer = person()
        fill(customer, address)
        # The page inspects itself while the request hangs, well before the button can be used again anyway.
        customer.page.evaluate(
            """() => {
                const button = document.getElementById("order");
                setTimeout(() => button.click());
                setTimeout(() => {
                    const before = button.textContent;
                    dispatchEvent(new Event("offline"));
                    window.seen = [before, button.textContent, button.getAttribute("aria-busy")];
                    window.stop();
                }, 1000);
            }"""
        )
        # `wait_for_function` would call `eval` in the page, which its Content Security Policy forbids.
        before, after, busy = eventually(lambda: customer.page.evaluate("window.seen"))
        over.set()
    assert before == "Ordering…"
    assert after.startswith("Order for")
    assert busy is None


def test_while_the_shop_is_busy_the_page_sends_the_order_again_by_itself(
    person: NewPerson, fake_shop: FakeShop
) -> None:
    refused: list[str] = []

    def handle(environ: dict[str, Any], forward: Any) -> Answer | None:
        if environ["REQUEST_METHOD"] == "POST":
            if len(refused) == 2:
                fake_shop.sidecar.roles_down.discard(WORKFLOW)
            else:
                refused.append("POST")
        return forward()

    fake_shop.sidecar.roles_down.add(WORKFLOW)
    with serve(fake_shop, handle) as address:
        customer = person()
        fill(customer, address)
        customer.page.locator("#order").click()
        expect(customer.page.get_by_role("alert")).to_contain_text("We send your order again by ourselves")
        expect(customer.page).to_have_url(re.compile("/orders/"))
        assert len(refused) == 2
        assert orders(fake_shop) == [customer.page.url.rpartition("/")[2]]


def test_a_customer_who_changes_the_order_has_to_send_it(person: NewPerson, fake_shop: FakeShop) -> None:
    sent: list[str] = []

    def handle(environ: dict[str, Any], forward: Any) -> Answer:
        if environ["REQUEST_METHOD"] == "POST":
            sent.append("POST")
        return forward()

    fake_shop.sidecar.roles_down.add(WORKFLOW)
    with serve(fake_shop, handle) as address:
        customer = person()
        fill(customer, address)
        customer.page.clock.install()
        customer.page.locator("#order").click()
        alert = customer.page.get_by_role("alert")
        expect(alert).to_contain_text("We send your order again by ourselves")
        customer.page.get_by_label("Your name").fill("Bob")
        expect(alert).not_to_contain_text("We send your order again by ourselves", use_inner_text=True)
        expect(alert).to_contain_text("Press the button again", use_inner_text=True)
        customer.page.clock.run_for(60_000)
        expect(customer.page.get_by_label("Your name")).to_have_value("Bob")
        assert sent == ["POST"]


def test_a_reloaded_page_sends_the_same_order_when_its_answer_was_lost(person: NewPerson, fake_shop: FakeShop) -> None:
    lost: list[str] = []

    def handle(environ: dict[str, Any], forward: Any) -> Answer | None:
        if environ["REQUEST_METHOD"] == "POST" and not lost:
            lost.append("answer")
            lose_answer(fake_shop, environ)
            return None
        return forward()

    with serve(fake_shop, handle) as address:
        customer = person()
        for after in ("answer lost", "reloaded", "one more"):
            fill(customer, address)
            customer.page.locator("#order").click()
            if after == "answer lost":
                expect(customer.page.locator("#order")).to_have_text(re.compile("^Order for"))
            else:
                expect(customer.page).to_have_url(re.compile("/orders/"))
                customer.page.wait_for_load_state()
        assert lost == ["answer"]
        assert len(orders(fake_shop)) == 2, "one whose answer was lost, and one more that was meant"
