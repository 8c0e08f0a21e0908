"""What role `order` answers for the boards: every open order, the numbers of the day, and search."""

from datetime import datetime
from typing import Any

import pytest
from fakes.problems import assert_problem
from fakes.shop import ORDER_123, FakeShop
from flask.testing import FlaskClient

from pizzashop.order.boards import OrderRows, ReadingIncomplete
from pizzashop.order.repository import Repository
from pizzashop.roles import ORDER, WORKFLOW


@pytest.fixture
def busy(shop: FakeShop) -> FakeShop:
    """One order that needs a decision, one delivered, one failed, and one that has just begun."""
    for order_id in ("waits", "delivered", "failed"):
        shop.place_and_run(order_id)
    shop.decide(approved=True, order_id="delivered")
    shop.decide(approved=False, order_id="failed")
    shop.place("begun")
    return shop


def board(client: FlaskClient) -> dict[str, Any]:
    answer = client.get("/board").json
    assert isinstance(answer, dict)
    return answer


def found(client: FlaskClient, **wanted: Any) -> list[str]:
    answer = client.post("/search", json=wanted)
    assert answer.status_code == 200, answer.text
    return [row["order_id"] for row in answer.json["orders"]]


@pytest.mark.usefixtures("busy")
def test_the_board_has_every_open_order_oldest_first(order: FlaskClient) -> None:
    rows = board(order)["orders"]
    assert [(row["order_id"], row["phase"]) for row in rows] == [("waits", "deciding"), ("begun", "to_make")]
    assert (rows[0]["name"], rows[0]["pizza_type"], rows[0]["attempt"]) == ("John Doe", "pepperoni", 1)


@pytest.mark.usefixtures("busy")
def test_the_board_has_the_numbers_of_the_day(order: FlaskClient) -> None:
    day = board(order)
    assert day["counts"] == {"open": 2, "deciding": 1, "late": 0, "today": 4, "failed": 1}
    assert sum(day["hours"]) == 4
    assert day["hours"][datetime.now().hour] > 0
    assert day["complete"] is True


def test_late_orders_are_counted(order: FlaskClient, shop: FakeShop) -> None:
    shop.place("begun")
    shop.run_housekeeping(days=0.01)
    assert board(order)["counts"]["late"] == 1


def test_yesterdays_orders_are_not_in_the_numbers_of_the_day(order: FlaskClient, busy: FakeShop) -> None:
    busy.run_housekeeping(days=1)
    counts = board(order)["counts"]
    assert (counts["today"], counts["failed"], counts["open"]) == (0, 0, 2)


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({}, ["begun", "failed", "delivered", "waits"]),
        ({"text": "DELIV"}, ["delivered"]),
        ({"text": "elivered"}, []),
        ({"text": " john d "}, ["begun", "failed", "delivered", "waits"]),
        ({"filter": "open"}, ["begun", "waits"]),
        ({"filter": "closed"}, ["failed", "delivered"]),
        ({"filter": "deciding"}, ["waits"]),
        ({"filter": "failed", "text": "john"}, ["failed"]),
        ({"filter": "late"}, []),
    ],
)
def test_search_filters_by_text_and_filter(order: FlaskClient, wanted: dict[str, Any], ids: list[str]) -> None:
    assert found(order, **wanted) == ids


def test_an_order_that_is_being_cancelled_is_closed_in_every_list(order: FlaskClient, busy: FakeShop) -> None:
    busy.sidecar.invoke(ORDER, "POST", "/order/begun/cancel", {"order_id": "begun"})
    assert "begun" not in found(order, filter="open")
    assert found(order, filter="cancelled") == ["begun"]
    for status, is_listed in (("open", False), ("closed", True), ("cancelled", True)):
        listed = order.get(f"/orders?status={status}").json["orders"]
        assert ("begun" in [each["order_id"] for each in listed]) == is_listed


@pytest.mark.parametrize(
    "text", ["7Q4K", "#7Q4K", "7q4k-m2", "7q4k m2xd", "7q4km2xd9zrt", "7Q4K-M2XD-9ZRT", "iO1l-", " 101l "]
)
def test_search_finds_an_id_however_it_is_written(order: FlaskClient, shop: FakeShop, text: str) -> None:
    for order_id in ("7Q4K-M2XD-9ZRT", "1011-M2XD-9ZRT", "demo-7q4k-m2xd", "other"):
        shop.place(order_id)
    assert set(found(order, text=text)) <= {"7Q4K-M2XD-9ZRT", "1011-M2XD-9ZRT", "demo-7q4k-m2xd"}
    assert ("7Q4K-M2XD-9ZRT" if "7" in text else "1011-M2XD-9ZRT") in found(order, text=text)


def test_search_finds_the_short_id_of_a_demo_order(order: FlaskClient, shop: FakeShop) -> None:
    shop.place("demo-7q4k-m2xd")
    assert found(order, text="#7Q4K") == ["demo-7q4k-m2xd"]


@pytest.mark.parametrize("text", ["ipek", "İPEK", "ipek  öz", "IPEK OZ"])
def test_search_finds_a_name_without_regard_to_case_accents_and_blanks(order: FlaskClient, text: str) -> None:
    for number, name in enumerate(("İpek Öz", "Irma")):
        order.post("/order", json={**ORDER_123, "order_id": f"{number}", "customer": {"name": name}})
    assert found(order, text=text) == ["0"]


def test_search_for_neither_an_id_nor_a_name_finds_nothing(order: FlaskClient, shop: FakeShop) -> None:
    shop.place("123")
    assert [found(order, text=text) for text in ("#", "—", "علی")] == [[], [], []]


@pytest.mark.usefixtures("busy")
def test_search_goes_page_by_page(order: FlaskClient) -> None:
    first = order.post("/search", json={"limit": 3}).json
    second = order.post("/search", json={"limit": 3, "after": first["next"]}).json
    ids = [row["order_id"] for row in first["orders"] + second["orders"]]
    assert ids == ["begun", "failed", "delivered", "waits"]
    assert (first["found"], second["found"], second["next"]) == (4, 4, None)


@pytest.mark.parametrize("wrong", [{"filter": "eaten"}, {"limit": 0}, {"after": "x"}, {"text": 1}, {"text": "x" * 201}])
def test_an_invalid_search_is_refused(order: FlaskClient, wrong: dict[str, Any]) -> None:
    assert_problem(order.post("/search", json=wrong), 400)


@pytest.mark.usefixtures("busy")
def test_a_deleted_order_is_not_found_although_it_is_cached(order: FlaskClient) -> None:
    assert "failed" in found(order)
    order.delete("/order/failed")
    assert found(order) == ["begun", "delivered", "waits"]


def test_an_id_that_is_used_again_is_counted_once(order: FlaskClient, shop: FakeShop) -> None:
    shop.place_and_run("again")
    shop.decide(approved=False, order_id="again")
    order.delete("/order/again")
    shop.place("other")
    shop.place("again")
    assert found(order) == ["again", "other"]
    assert board(order)["counts"] == {"open": 2, "deciding": 0, "late": 0, "today": 2, "failed": 0}


def test_an_ended_order_is_read_once(order: FlaskClient, busy: FakeShop) -> None:
    board(order)
    order.get("/unsettled")
    read = busy.sidecar.count_reads()
    board(order)
    assert "order_waits" in read
    assert not {"order_failed", "order_delivered"} & set(read)


def test_many_orders_are_read_over_several_requests(shop: FakeShop, order: FlaskClient) -> None:
    client = shop.client(WORKFLOW)
    for number in range(205):
        client.post("/start-order", json={**ORDER_123, "order_id": f"n{number}"})
    rows = OrderRows(Repository(shop.sidecar), pace=1.0)
    with pytest.raises(ReadingIncomplete):
        next(rows.pages_newest_first(-1, []))
    all_of_them = [row.order_id for page in rows.pages_newest_first(60, []) for row in page]
    assert all_of_them == [f"n{number}" for number in reversed(range(205))]
    assert [row.order_id for page in rows.pages_newest_first(-1, []) for row in page] == all_of_them
    assert found(order, text="n20", limit=200) == ["n204", "n203", "n202", "n201", "n200", "n20"]
