"""An order's page for its customer: what it says at each moment, and what it keeps to itself."""

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


def shown(shop: FakeShop, order_id: str = "123") -> str:
    answer = shop.client(STOREFRONT).get(f"/orders/{order_id}", headers={"Accept": "text/html"})
    assert answer.status_code == 200, answer.text
    return answer.text


def hear(shop: FakeShop, *statuses: str, attempt: int = 1) -> None:
    for status in statuses:
        format_timestamp = shop.client(ORDER).post("/orders-sub", json={"data": stage(status, attempt=attempt)})
        assert format_timestamp.json["status"] == "SUCCESS"


def headline(html: str) -> str:
    found = re.search(r"<h1>(.*?)</h1>", html)
    assert found
    return found[1]


def states(html: str) -> list[str]:
    return re.findall(r'<li class="(done|now|ahead|stopped)"', html)


@pytest.mark.parametrize(
    ("last", "said", "here"),
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
def test_each_moment_has_its_headline_and_its_place(slow: FakeShop, last: str, said: str, here: int) -> None:
    slow.place()
    hear(slow, *HAPPY_PATH[1 : HAPPY_PATH.index(last) + 1])
    html = shown(slow)
    assert headline(html) == said
    assert states(html) == [*["done"] * here, "now", *["ahead"] * (5 - here)]


def test_the_whole_way_has_a_drawing_at_every_moment(slow: FakeShop) -> None:
    slow.place()
    for status in HAPPY_PATH[1:]:
        hear(slow, status)
        assert 'class="scene ' in shown(slow)


def test_delivered(shop: FakeShop) -> None:
    shop.place_and_work()
    shop.decide(approved=True)
    html = shown(shop)
    assert headline(html) == "Your pepperoni is there. Enjoy it!"
    assert states(html) == ["done"] * 6
    assert "Delivered at" in html
    assert "data-live" not in html  # nothing more can happen to it


def test_the_managers_wait_has_no_estimate_and_says_so(slow: FakeShop) -> None:
    slow.place()
    assert "How long that takes we cannot say" in shown(slow)
    hear(slow, *HAPPY_PATH[1 : HAPPY_PATH.index("pending_validation") + 1])
    html = shown(slow)
    assert "the manager has yet to look at it" in html
    assert "about 15 seconds to your door" in html


def test_an_approved_one_has_an_estimate(slow: FakeShop) -> None:
    slow.place()
    hear(slow, *HAPPY_PATH[1 : HAPPY_PATH.index("pending_validation") + 1])
    slow.client(WORKFLOW).post("/validate-pizza", json={"order_id": "123", "approved": True})
    html = shown(slow)
    assert headline(html) == "Your pepperoni is about to leave"
    assert "Arrives" in html
    assert "in about 15 seconds" in html


def test_a_remake_is_told_with_the_managers_reason(slow: FakeShop) -> None:
    slow.place()
    hear(slow, *HAPPY_PATH[1 : HAPPY_PATH.index("pending_validation") + 1])
    sent_back = {"order_id": "123", "approved": False, "remake": True, "note": "too dark"}
    slow.client(WORKFLOW).post("/validate-pizza", json=sent_back)
    html = shown(slow)
    assert headline(html) == "We&#39;re making your pepperoni again"
    assert "The manager asked for a new one: too dark. We&#39;re making it again." in html
    assert states(html) == ["done", "now", "ahead", "ahead", "ahead", "ahead"]
    hear(slow, "cooking_preparing_ingredients", "cooking_making_dough", "cooking_adding_toppings", attempt=2)
    assert "pizza 2" in shown(slow)


@pytest.mark.parametrize(
    ("settings", "decided", "said"),
    [
        ({}, {"approved": False}, "It did not pass the manager&#39;s look"),
        ({"fail": "cooking_baking:123"}, None, "Something went wrong on our side"),
        ({"fail": "delivery_on_the_way:123"}, {"approved": True}, "we could not bring it to you"),
    ],
)
def test_a_failure_is_said_in_the_customers_words(
    settings: dict[str, str], decided: dict[str, bool] | None, said: str
) -> None:
    shop = FakeShop(**settings)
    shop.place_and_work()
    if decided:
        shop.decide(approved=decided["approved"])
    html = shown(shop)
    assert headline(html) == "We could not make your pepperoni"
    assert said in html
    assert "stopped" in states(html)
    assert 'href="/?pizza=pepperoni&amp;size=large"' in html


def test_cancelled_and_paused(shop: FakeShop) -> None:
    shop.place_and_work()
    shop.client(WORKFLOW).post("/pause-order", json={"order_id": "123", "note": "no driver", "by": "berta"})
    assert "The shop has paused your order" in shown(shop)
    assert "While it waits, we cannot say when it arrives" in shown(shop)
    shop.client(WORKFLOW).post("/cancel-order", json={"order_id": "123", "note": "he called", "by": "berta"})
    html = shown(shop)
    assert headline(html) == "Your order was cancelled"
    assert "berta" not in html
    assert "he called" not in html


def test_it_names_nobody(shop: FakeShop) -> None:
    shop.place_and_work()
    for text in ORDER_123["customer"].values():  # type: ignore[attr-defined]
        assert text not in shown(shop)


def test_an_order_that_nobody_started(shop: FakeShop) -> None:
    shop.client(ORDER).post("/order", json=ORDER_123)
    assert "has not been started yet" in shown(shop)


def test_an_order_that_is_not_there(storefront: FlaskClient) -> None:
    answer = storefront.get("/orders/none", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "the order is long gone" in answer.text


def test_hostile_text_is_shown_as_text(shop: FakeShop) -> None:
    order = {"order_id": "evil", "pizza_type": HOSTILE, "size": HOSTILE, HOSTILE: HOSTILE}
    assert shop.client(WORKFLOW).post("/start-order", json=order).status_code == 200
    shop.sidecar.delivers_at_once = True
    shop.engine.work("evil")
    sent_back = {"order_id": "evil", "approved": False, "remake": True, "note": HOSTILE}
    assert shop.client(WORKFLOW).post("/validate-pizza", json=sent_back).status_code == 200
    html = shown(shop, "evil")
    assert "&lt;script&gt;" in html
    assert "<script>alert" not in html
    assert "<img" not in html


def test_a_time_has_its_day_where_that_is_not_todays(shop: FakeShop) -> None:
    shop.client(ORDER).post("/order", json=ORDER_123)
    for days, status in ((400, "validating"), (2, "processing"), (0, "confirmed")):
        at = format_timestamp(datetime.now(UTC) - timedelta(days=days))
        shop.client(ORDER).post("/orders-sub", json={"data": stage(status, at=at)})
    html = shown(shop)
    day, moment = r"\d{1,2} [A-Z][a-z]{2}", r"\d\d:\d\d:\d\d</time>"
    assert re.search(rf">{day} 20\d\d, {moment} <span>Checking the order", html)
    assert re.search(rf">{day}, {moment} <span>Writing the ticket", html)
    assert re.search(rf">{moment} <span>Confirmed", html)


def test_the_browser_counts_down_to_the_time_that_the_page_says(slow: FakeShop) -> None:
    slow.place()
    hear(slow, *HAPPY_PATH[1:9])
    found = re.search(r'data-until="([^"]+)" data-clock="([^"]+)"', shown(slow))
    assert found
    assert found[2] == clock_minute(found[1])
