"""The staff's pages: what they show, which actions they offer, and how they report an action that failed."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from fakes.shop import ORDER_123, FakeShop
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pizzashop.errors import Unavailable
from pizzashop.roles import ORDER, STOREFRONT, WORKFLOW, Role

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture
def page(storefront: FlaskClient) -> Any:
    """GET a page, and return its HTML."""

    def page(path: str, status: int = 200) -> str:
        answer = storefront.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == status, answer.text
        assert answer.mimetype == "text/html"
        return answer.text

    return page


@pytest.fixture
def waiting(shop: FakeShop) -> FakeShop:
    """A shop in which the sample order waits for the manager."""
    shop.place_and_run()
    return shop


def act(client: FlaskClient, path: str, **form: Any) -> TestResponse:
    return client.post(f"/manager/{path}", data=form)


@pytest.mark.parametrize("path", ["/kitchen", "/manager", "/delivery", "/manager/orders"])
def test_an_empty_board_says_what_will_appear(page: Any, path: str) -> None:
    assert 'class="empty"' in page(path)


@pytest.mark.parametrize("path", ["/kitchen", "/manager", "/manager/orders", "/manager/orders/123"])
def test_an_order_that_needs_a_decision_is_shown(page: Any, waiting: FakeShop, path: str) -> None:
    assert waiting.record()["status"] == "pending_validation"
    assert "Pepperoni" in page(path)


def test_the_courier_sees_an_order_after_its_approval(page: Any, waiting: FakeShop) -> None:
    assert "123 Main St" not in page("/delivery")
    waiting.client(WORKFLOW).post("/validate-pizza", json={"order_id": "123", "approved": True})
    assert "123 Main St" in page("/delivery")
    assert 'href="tel:555-0123"' in page("/delivery")


@pytest.mark.parametrize(
    ("phone", "shown", "link"),
    [
        ("\u202a+49 (30) 12\u00ad345\u202c", "+49 (30) 12345", "tel:+49(30)12345"),
        ("1-800-PIZZA", "1-800-PIZZA", "tel:1-800-74992"),
        ("ring twice", "ring twice", ""),
    ],
)
def test_invisible_characters_are_not_shown_but_stay_in_the_record(
    page: Any, shop: FakeShop, phone: str, shown: str, link: str
) -> None:
    shop.sidecar.delivers_events = True
    content = {**ORDER_123, "customer": {"name": "علی\u200cرضا\u202e\x07", "address": "a\nb", "phone": phone}}
    assert shop.client(WORKFLOW).post("/start-order", json=content).status_code == 200
    shop.engine.run("123")
    shop.client(WORKFLOW).post("/validate-pizza", json={"order_id": "123", "approved": True})
    for html in (page("/delivery"), page("/manager/orders/123")):
        assert all(text in html for text in (f">{shown}<", "علی\u200cرضا", ">a b<"))
        assert not set(html) & set("\u202a\u202c\u202e\u00ad\x07")
    assert (f'href="{link}"' in page("/delivery")) == bool(link)
    assert ("tel:" in page("/delivery")) == bool(link)
    assert shop.record()["customer"] == content["customer"]
    again = shop.client(WORKFLOW).post("/start-order", json=content)
    assert (again.status_code, len(shop.client(ORDER).get("/orders").json["orders"])) == (200, 1)


@pytest.mark.parametrize("path", ["/manager/orders/", "/orders/"])
@pytest.mark.parametrize(
    "spelled", ["7q4k-m2xd-9zrt", "7Q4KM2XD9ZRT", "7Q4K-M2XD-9ZRT/", "7Q4K-M2XD-9ZRT.", "7q4k m2xd 9zrt"]
)
def test_any_spelling_of_an_order_id_leads_to_the_order(
    storefront: FlaskClient, shop: FakeShop, path: str, spelled: str
) -> None:
    shop.place("7Q4K-M2XD-9ZRT")
    answer = storefront.get(f"{path}{spelled}")
    assert (answer.status_code, answer.location) == (302, f"{path}7Q4K-M2XD-9ZRT")


def test_an_order_with_exactly_this_id_comes_first(page: Any, shop: FakeShop) -> None:
    shop.place("order1234567")
    assert "order1234567" in page("/orders/order1234567")


def test_an_unknown_id_is_not_found_in_any_spelling(page: Any, storefront: FlaskClient) -> None:
    answer = storefront.get("/orders/7q4k-m2xd-9zrt", follow_redirects=True)
    assert (answer.status_code, answer.request.path) == (404, "/orders/7Q4K-M2XD-9ZRT")
    page("/orders/123", 404)
    page("/orders/...", 404)


@pytest.mark.parametrize("path", ["/kitchen", "/manager", "/delivery", "/sign-in", "/manager/orders"])
def test_a_slash_at_the_end_of_an_address_redirects_to_the_page(storefront: FlaskClient, path: str) -> None:
    answer = storefront.get(f"{path}/?filter=open")
    assert (answer.status_code, answer.location) == (302, f"{path}?filter=open")
    assert storefront.post(f"{path}/").status_code == 404


@pytest.mark.parametrize("path", ["//evil.example/", "//evil.example/kitchen/", "/kitchen//evil.example/"])
def test_a_slash_redirects_to_no_other_site(storefront: FlaskClient, path: str) -> None:
    answer = storefront.get("/", environ_overrides={"PATH_INFO": path})
    assert (answer.status_code, answer.location) == (404, None)


def test_the_kitchen_reads_the_reason_of_a_remake(page: Any, waiting: FakeShop) -> None:
    decision = {"order_id": "123", "approved": False, "remake": True, "note": "too dark"}
    waiting.client(WORKFLOW).post("/validate-pizza", json=decision)
    assert "too dark" in page("/kitchen")
    assert "pizza 2" in page("/kitchen")


def test_every_form_of_the_managers_board_has_a_route(page: Any, storefront: FlaskClient, waiting: FakeShop) -> None:
    assert waiting
    targets = set(re.findall(r'method="post" action="([^"]+)"', page("/manager")))
    assert len(targets) == 7
    adapter = storefront.application.url_map.bind("localhost")
    assert all(adapter.test(target, "POST") for target in targets)


@pytest.mark.parametrize(
    ("action", "seen"),
    [("approve", "approved"), ("remake", "remake"), ("reject", "rejected"), ("pause", "paused")],
)
def test_an_action_is_in_the_history_with_author_and_note(
    storefront: FlaskClient, waiting: FakeShop, action: str, seen: str, page: Any
) -> None:
    answer = act(storefront, f"orders/123/{action}", attempt="1", note="so it is")
    assert (answer.status_code, answer.location) == (303, f"/manager?done={action}&order=123")
    entry = next(each for each in waiting.record()["history"] if each["status"] == seen)
    assert (entry["by"], entry["note"], entry["attempt"]) == ("the manager", "so it is", 1)
    assert 'role="status"' in page(answer.location)


def test_an_action_on_the_page_of_an_order_returns_to_that_page(storefront: FlaskClient, waiting: FakeShop) -> None:
    assert waiting
    answer = act(storefront, "orders/123/pause", back="order")
    assert answer.location == "/manager/orders/123?done=pause"


def test_a_cancelled_order_can_be_ordered_again(storefront: FlaskClient, waiting: FakeShop, page: Any) -> None:
    assert act(storefront, "orders/123/cancel", note="he called").status_code == 303
    assert waiting.record()["status"] == "cancelled"
    found = re.search(r'name="new_order_id" value="([^"]+)"', page("/manager/orders/123"))
    assert found
    for _ in range(2):  # a second click is the same order
        assert act(storefront, "orders/123/reorder", new_order_id=found[1]).status_code == 303
    before, after = waiting.record("123"), waiting.record(found[1])
    assert {k: after[k] for k in ("pizza_type", "size", "customer")} == {
        k: before[k] for k in ("pizza_type", "size", "customer")
    }
    assert len(waiting.client(ORDER).get("/orders").json["orders"]) == 2


def test_a_decision_on_an_outdated_page_does_not_count_for_the_next_pizza(
    storefront: FlaskClient, waiting: FakeShop
) -> None:
    waiting.decide(approved=False, remake=True)
    answer = act(storefront, "orders/123/approve", attempt="1")
    assert answer.status_code == 409
    assert "Attempt 1 was sent back to be made again already. Nothing was changed." in answer.text
    assert waiting.record()["attempt"] == 2
    assert "approved" not in waiting.history()


@pytest.mark.parametrize("back", ["order", "board"])
def test_a_refused_action_is_reported_on_the_page_that_it_came_from(
    storefront: FlaskClient, waiting: FakeShop, back: str
) -> None:
    waiting.decide(approved=True)
    answer = act(storefront, "orders/123/cancel", back=back)
    assert (answer.status_code, answer.mimetype) == (409, "text/html")
    assert 'role="alert"' in answer.text
    assert "it cannot be cancelled any more. Nothing was changed." in answer.text


def test_an_action_without_an_answer_is_reported(storefront: FlaskClient, waiting: FakeShop) -> None:
    waiting.sidecar.roles_down.add(WORKFLOW)
    answer = act(storefront, "orders/123/approve", attempt="1")
    assert answer.status_code == 503
    assert "try again: nothing is done twice" in answer.text


@pytest.mark.parametrize("path", ["orders/none/pause", "orders/none/reorder"])
def test_an_action_on_an_unknown_order_is_not_found(storefront: FlaskClient, path: str) -> None:
    assert act(storefront, path, new_order_id="new-1").status_code == 404


def test_an_action_on_several_orders_reports_each_of_them(storefront: FlaskClient, shop: FakeShop) -> None:
    for order_id in ("a", "b", "c"):
        shop.place_and_run(order_id)
    shop.decide(approved=False, order_id="b")
    answer = act(storefront, "bulk", action="approve", order=["a:1", "b:1", "c:1"])
    assert "<h1>2 of 3 done</h1>" in answer.text
    assert "Attempt 1 was rejected already. Nothing was changed." in answer.text
    assert [shop.record(each)["history"][-1]["status"] for each in "ac"] == ["approved", "approved"]


@pytest.mark.parametrize(("seconds_per_call", "tried"), [(3.0, 3), (60.0, 1)])
def test_an_action_on_several_orders_ends_in_time_when_each_takes_long(
    storefront: FlaskClient, shop: FakeShop, monkeypatch: pytest.MonkeyPatch, seconds_per_call: float, tried: int
) -> None:
    orders = [f"o{number}" for number in range(10)]
    for order_id in orders:
        shop.place_and_run(order_id)
    passed, invoke = [0.0], shop.sidecar.invoke

    def hangs(role: Role, method: str, path: str, content: Any = None, seconds: float = 10.0) -> Any:
        if role is not WORKFLOW:
            return invoke(role, method, path, content)
        passed[0] += min(seconds, seconds_per_call)
        raise Unavailable("No answer")

    monkeypatch.setattr(shop.sidecar, "invoke", hangs)
    monkeypatch.setattr("pizzashop.pages.staff.time", SimpleNamespace(monotonic=lambda: passed[0]))
    answer = act(storefront, "bulk", action="approve", order=[f"{each}:1" for each in orders])
    assert passed[0] <= 20
    assert f"<h1>0 of 10 done, {10 - tried} not tried</h1>" in answer.text
    assert answer.text.count("Not tried: the others took too long") == 10 - tried
    assert answer.text.count("No answer. Look whether it was done") == tried


@pytest.mark.parametrize("form", [{"action": "eat", "order": ["a:1"]}, {}])
def test_several_orders_need_a_known_action(storefront: FlaskClient, form: dict[str, Any]) -> None:
    assert act(storefront, "bulk", **form).status_code == 400


def test_no_ticked_order_is_reported(storefront: FlaskClient) -> None:
    assert "No order was ticked" in act(storefront, "bulk", action="approve").text


@pytest.mark.parametrize("order", ["../x:1", "a", "a:b", "a:99999", "", ":"])
def test_an_invalid_choice_does_nothing(storefront: FlaskClient, order: str) -> None:
    assert "0 of 1 done" in act(storefront, "bulk", action="pause", order=[order]).text


def test_search_by_name_is_a_post(storefront: FlaskClient, waiting: FakeShop) -> None:
    assert waiting
    answer = storefront.post("/manager/orders", data={"text": "john", "filter": "open"})
    assert (answer.status_code, "1 order found" in answer.text) == (200, True)
    assert "0 orders found" in storefront.post("/manager/orders", data={"text": "jane"}).text


def test_search_continues_on_the_next_page(storefront: FlaskClient, shop: FakeShop) -> None:
    for number in range(30):
        shop.place(f"n{number}")
    first = storefront.post("/manager/orders", data={"text": "n"}).text
    after = re.search(r'name="after" value="([^"]+)"', first)
    assert after
    second = storefront.post("/manager/orders", data={"text": "n", "after": after[1]}).text
    assert (first.count('class="line'), second.count('class="line')) == (25, 5)
    assert "Older orders" not in second


def test_an_unknown_filter_is_refused(storefront: FlaskClient) -> None:
    assert storefront.get("/manager/orders?filter=eaten").status_code == 400


def test_html_in_an_order_is_shown_as_text_to_the_staff(page: Any, shop: FakeShop) -> None:
    shop.sidecar.delivers_events = True
    order = {
        "order_id": "evil",
        "pizza_type": HOSTILE,
        "size": HOSTILE,
        "customer": dict.fromkeys(("name", "address", "phone"), HOSTILE),
        HOSTILE: HOSTILE,
    }
    assert shop.client(WORKFLOW).post("/start-order", json=order).status_code == 200
    shop.engine.run("evil")
    assert act(shop.client(STOREFRONT), "orders/evil/remake", attempt="1", note=HOSTILE).status_code == 303
    for path in ("/kitchen", "/manager", "/manager/orders", "/manager/orders/evil"):
        html = page(path)
        assert "&lt;script&gt;" in html
        assert "<script>alert" not in html
        assert "<img" not in html


def test_no_page_of_the_staff_has_inline_styles_or_scripts(page: Any, waiting: FakeShop) -> None:
    assert waiting
    for path in ("/kitchen", "/manager", "/delivery", "/manager/orders", "/manager/orders/123"):
        html = page(path)
        assert " style=" not in html
        assert "<style" not in html
        assert re.findall(r" on\w+=", html) == []
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))
