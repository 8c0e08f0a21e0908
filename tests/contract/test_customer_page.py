"""The page on which a customer follows an order: what it shows at each stage, and what it must not show."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from fakes.shop import ORDER_123, FakeShop, stage
from flask.testing import FlaskClient

from pizzashop.domain.history import format_timestamp
from pizzashop.domain.lifecycle import HAPPY_PATH
from pizzashop.presentation.times import clock_minute
from pizzashop.roles import ORDER, STOREFRONT, WORKFLOW

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture
def slow() -> FakeShop:
    """A shop in which stages last as long as in the workshop."""
    return FakeShop(pace=1)


def page_of(shop: FakeShop, order_id: str = "123") -> str:
    answer = shop.client(STOREFRONT).get(f"/orders/{order_id}", headers={"Accept": "text/html"})
    assert answer.status_code == 200, answer.text
    return answer.text


def publish_stages(shop: FakeShop, *statuses: str, attempt: int = 1) -> None:
    for status in statuses:
        reply = shop.client(ORDER).post("/orders-sub", json={"data": stage(status, attempt=attempt)})
        assert reply.json["status"] == "SUCCESS"


def headline(html: str) -> str:
    found = re.search(r"<h1>(.*?)</h1>", html)
    assert found
    return found[1]


def states(html: str) -> list[str]:
    return re.findall(r'<li class="(done|now|ahead|stopped)"', html)


@pytest.mark.parametrize(
    ("last", "text", "present"),
    [
        ("accepted", "We have your order", 0),
        ("confirmed", "Your pepperoni is next in the kitchen", 0),
        ("cooking_making_dough", "We&#39;re making the dough of your pepperoni", 1),
        ("cooking_baking", "Your pepperoni is in the oven", 2),
        ("pending_validation", "Your pepperoni waits for the manager&#39;s look", 3),
        ("delivery_on_the_way", "Your pepperoni is on its way", 4),
        ("delivery_at_location", "Your pepperoni is at your door", 5),
    ],
)
def test_each_stage_has_its_headline_and_its_place_in_the_line_of_steps(
    slow: FakeShop, last: str, text: str, present: int
) -> None:
    slow.place()
    publish_stages(slow, *HAPPY_PATH[1 : HAPPY_PATH.index(last) + 1])
    html = page_of(slow)
    assert headline(html) == text
    assert states(html) == [*["done"] * present, "now", *["ahead"] * (5 - present)]


def test_every_stage_has_a_drawing(slow: FakeShop) -> None:
    slow.place()
    for status in HAPPY_PATH[1:]:
        publish_stages(slow, status)
        assert 'class="scene ' in page_of(slow)


def test_a_stage_that_only_a_newer_release_knows_is_shown_as_the_last_known_one(slow: FakeShop) -> None:
    slow.place()
    publish_stages(slow, *HAPPY_PATH[1 : HAPPY_PATH.index("cooking_baking") + 1])
    stored = slow.sidecar.load("order_123")
    assert stored.value
    newer = stored.value.decode().replace('"cooking_baking"', '"cooking_resting"')
    slow.sidecar.save("order_123", newer, stored.etag)
    slow.sidecar.apps.clear()
    assert headline(page_of(slow)) == "The toppings are going on your pepperoni"
    for path in ("/manager/orders/123", "/manager", "/kitchen"):
        assert slow.client(STOREFRONT).get(path).status_code == 200, path


def test_a_delivered_order_shows_when_it_arrived(shop: FakeShop) -> None:
    shop.place_and_run()
    shop.decide(approved=True)
    html = page_of(shop)
    assert headline(html) == "Your pepperoni is there. Enjoy it!"
    assert states(html) == ["done"] * 6
    assert "Delivered at" in html
    assert "data-live" not in html  # nothing more can happen to it


def test_before_the_decision_the_page_says_that_there_is_no_estimate(slow: FakeShop) -> None:
    slow.place()
    assert "How long that takes we cannot say" in page_of(slow)
    publish_stages(slow, *HAPPY_PATH[1 : HAPPY_PATH.index("pending_validation") + 1])
    html = page_of(slow)
    assert "the manager has yet to look at it" in html
    assert "about 15 seconds to your door" in html


def test_an_approved_order_has_an_estimate(slow: FakeShop) -> None:
    slow.place()
    publish_stages(slow, *HAPPY_PATH[1 : HAPPY_PATH.index("pending_validation") + 1])
    slow.client(WORKFLOW).post("/validate-pizza", json={"order_id": "123", "approved": True})
    html = page_of(slow)
    assert headline(html) == "Your pepperoni is about to leave"
    assert "Arrives" in html
    assert "in about 15 seconds" in html


def test_a_remake_is_shown_with_the_managers_reason(slow: FakeShop) -> None:
    slow.place()
    publish_stages(slow, *HAPPY_PATH[1 : HAPPY_PATH.index("pending_validation") + 1])
    sent_back = {"order_id": "123", "approved": False, "remake": True, "note": "too dark"}
    slow.client(WORKFLOW).post("/validate-pizza", json=sent_back)
    html = page_of(slow)
    assert headline(html) == "We&#39;re making your pepperoni again"
    assert "The manager asked for a new one: too dark. We&#39;re making it again." in html
    assert states(html) == ["done", "now", "ahead", "ahead", "ahead", "ahead"]
    publish_stages(slow, "cooking_preparing_ingredients", "cooking_making_dough", "cooking_adding_toppings", attempt=2)
    assert "pizza 2" in page_of(slow)


@pytest.mark.parametrize(
    ("settings", "decision", "text"),
    [
        ({}, {"approved": False}, "It did not pass the manager&#39;s look"),
        ({"fail": "cooking_baking:123"}, None, "Something went wrong on our side"),
        ({"fail": "delivery_on_the_way:123"}, {"approved": True}, "we could not bring it to you"),
    ],
)
def test_a_failure_is_explained_without_technical_words(
    settings: dict[str, str], decision: dict[str, bool] | None, text: str
) -> None:
    shop = FakeShop(**settings)
    shop.place_and_run()
    if decision:
        shop.decide(approved=decision["approved"])
    html = page_of(shop)
    assert headline(html) == "We could not make your pepperoni"
    assert text in html
    assert "stopped" in states(html)
    assert 'href="/?pizza=pepperoni&amp;size=large"' in html


def test_a_paused_and_a_cancelled_order_name_no_reason_and_no_author(shop: FakeShop) -> None:
    shop.place_and_run()
    shop.client(WORKFLOW).post("/pause-order", json={"order_id": "123", "note": "no driver", "by": "berta"})
    assert "The shop has paused your order" in page_of(shop)
    assert "While it waits, we cannot say when it arrives" in page_of(shop)
    shop.client(WORKFLOW).post("/cancel-order", json={"order_id": "123", "note": "he called", "by": "berta"})
    html = page_of(shop)
    assert headline(html) == "Your order was cancelled"
    assert "berta" not in html
    assert "he called" not in html


def test_the_page_shows_no_name_address_or_phone(shop: FakeShop) -> None:
    shop.place_and_run()
    for text in ORDER_123["customer"].values():  # type: ignore[attr-defined]
        assert text not in page_of(shop)


def test_an_order_that_was_not_started_says_so(shop: FakeShop) -> None:
    shop.client(ORDER).post("/order", json=ORDER_123)
    assert "has not been started yet" in page_of(shop)


def test_an_unknown_order_has_a_page_that_says_so(storefront: FlaskClient) -> None:
    answer = storefront.get("/orders/none", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "the order is long gone" in answer.text


def test_html_in_an_order_is_shown_as_text(shop: FakeShop) -> None:
    order = {"order_id": "evil", "pizza_type": HOSTILE, "size": HOSTILE, HOSTILE: HOSTILE}
    assert shop.client(WORKFLOW).post("/start-order", json=order).status_code == 200
    shop.sidecar.delivers_events = True
    shop.engine.run("evil")
    sent_back = {"order_id": "evil", "approved": False, "remake": True, "note": HOSTILE}
    assert shop.client(WORKFLOW).post("/validate-pizza", json=sent_back).status_code == 200
    html = page_of(shop, "evil")
    assert "&lt;script&gt;" in html
    assert "<script>alert" not in html
    assert "<img" not in html


def test_a_time_shows_its_date_unless_it_is_today(shop: FakeShop) -> None:
    shop.client(ORDER).post("/order", json=ORDER_123)
    for days, status in ((400, "validating"), (2, "processing"), (0, "confirmed")):
        at = format_timestamp(datetime.now(UTC) - timedelta(days=days))
        shop.client(ORDER).post("/orders-sub", json={"data": stage(status, at=at)})
    html = page_of(shop)
    day, moment = r"\d{1,2} [A-Z][a-z]{2}", r"\d\d:\d\d:\d\d</time>"
    assert re.search(rf">{day} 20\d\d, {moment} <span>Checking the order", html)
    assert re.search(rf">{day}, {moment} <span>Writing the ticket", html)
    assert re.search(rf">{moment} <span>Confirmed", html)


def test_the_browser_counts_down_to_the_time_that_the_page_shows(slow: FakeShop) -> None:
    slow.place()
    publish_stages(slow, *HAPPY_PATH[1:9])
    found = re.search(r'data-until="([^"]+)" data-clock="([^"]+)"', page_of(slow))
    assert found
    assert found[2] == clock_minute(found[1])
