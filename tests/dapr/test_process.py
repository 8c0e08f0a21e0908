"""An order on real Dapr at pace 0: every way that it can go."""

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from dapr.ext.workflow import DaprWorkflowClient
from shop_client import (
    JOHN,
    ORDERS,
    WORKFLOW,
    OpenShop,
    ShopClient,
    count_published_stages,
    eventually,
    new_order,
    pizzashop,
    stages,
)

from pizzashop.domain.lifecycle import COOK_STEP, HAPPY_PATH
from pizzashop.local.shop import Shop
from pizzashop.roles import KITCHEN
from pizzashop.web.json_body import MAX_JSON_BYTES

pytestmark = pytest.mark.usefixtures("shop")


@pytest.fixture(scope="module")
def shop(open_shop: OpenShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("state"), pace=0) as opened:
        yield opened


def test_a_good_pizza_is_delivered_and_its_history_is_whole(client: ShopClient) -> None:
    order_id = client.place_order()
    client.wait_for_status(order_id, "pending_validation")
    assert client.workflow_status(order_id) == "RUNNING"
    assert client.decide(order_id, approved=True) == (200, {"order_id": order_id, "validation_status": "approved"})
    record = client.wait_for_status(order_id, "delivered")
    kinds = [(entry["kind"], entry["status"]) for entry in record["history"]]
    decided = HAPPY_PATH.index("pending_validation") + 1
    expected = [("stage", status) for status in HAPPY_PATH]
    assert kinds == [*expected[:decided], ("decision", "approved"), *expected[decided:]]
    assert record["customer"] == JOHN
    eventually(lambda: client.workflow_status(order_id), lambda status: status == "COMPLETED")


def test_each_stage_is_told_once_on_the_topic(client: ShopClient) -> None:
    order_id = client.place_order()
    client.decide(order_id, approved=True)
    client.wait_for_status(order_id, "delivered")
    told = count_published_stages(order_id)
    assert told == {(1, status): 1 for status in HAPPY_PATH if status != "accepted"}


def test_twenty_orders_at_once_all_arrive(client: ShopClient) -> None:
    def one(_: int) -> list[str]:
        order_id = client.place_order()
        assert client.decide(order_id, approved=True)[0] == 200
        return stages(client.wait_for_status(order_id, "delivered"))

    with ThreadPoolExecutor(20) as pool:
        assert all(way == list(HAPPY_PATH) for way in pool.map(one, range(20)))


def test_a_rejected_pizza_fails_the_order(client: ShopClient) -> None:
    order_id = client.place_order()
    assert client.decide(order_id, approved=False)[1]["validation_status"] == "rejected"
    record = client.wait_for_status(order_id, "failed")
    assert record["error"] == "Pizza validation failed - need to remake"
    assert "delivery_finding_driver" not in stages(record)
    eventually(lambda: client.workflow_status(order_id), lambda status: status == "COMPLETED")


def test_a_pizza_can_be_made_again_and_then_be_good(client: ShopClient) -> None:
    order_id = client.place_order()
    client.wait_for_status(order_id, "pending_validation")
    client.decide(order_id, approved=False, remake=True, by="maria", note="too dark", attempt=1)
    client.wait_for_status(order_id, "pending_validation", attempt=2)
    client.decide(order_id, approved=True, attempt=2)
    record = client.wait_for_status(order_id, "delivered", attempt=2)
    assert stages(record, attempt=2)[: len(COOK_STEP.published_statuses)] == list(COOK_STEP.published_statuses)
    (remade, approved) = [entry for entry in record["history"] if entry["kind"] == "decision"]
    assert (remade["by"], remade["note"], remade["attempt"]) == ("maria", "too dark", 1)
    assert (approved["status"], approved["attempt"]) == ("approved", 2)
    assert max(count_published_stages(order_id).values()) == 1


def test_a_pizza_is_remade_twice_at_most(client: ShopClient) -> None:
    order_id = client.place_order()
    for attempt in (1, 2, 3):
        client.wait_for_status(order_id, "pending_validation", attempt=attempt)
        assert client.decide(order_id, approved=False, remake=True, attempt=attempt)[0] == 200
    record = client.wait_for_status(order_id, "failed", attempt=3)
    assert record["error"] == "Pizza validation failed - remade too often"


def test_a_decision_stands_and_another_is_refused(client: ShopClient) -> None:
    order_id = client.place_order()
    client.decide(order_id, approved=True)
    client.wait_for_status(order_id, "delivered")
    assert client.decide(order_id, approved=True)[0] == 200
    assert client.decide(order_id, approved=False)[0] == 409


def test_a_start_repeated_at_any_time_starts_nothing_twice(client: ShopClient) -> None:
    order = new_order()
    order_id = order["order_id"]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: client.start(order), range(20)))
    expected = {"order_id": order_id, "workflow_instance_id": f"pizza-order-{order_id}", "status": "started"}
    assert all(answer == (200, expected) for answer in answers)
    client.decide(order_id, approved=True)
    client.wait_for_status(order_id, "delivered")
    assert client.start(order) == (200, expected)
    assert client.start({**order, "size": "small"})[0] == 409
    assert max(count_published_stages(order_id).values()) == 1


def test_a_record_made_by_hand_is_taken_up(client: ShopClient) -> None:
    order = {**new_order(), "big": 12345678901234567890, "exact": 1.0}
    assert client.call("POST", f"{ORDERS}/order", order) == (200, {"success": True})
    assert client.record(order["order_id"])["status"] == "accepted"
    assert client.start(order)[0] == 200
    record = client.wait_for_status(order["order_id"], "pending_validation")
    assert (record["big"], json.dumps(record["exact"])) == (12345678901234567890, "1.0")


def test_a_decision_raised_in_the_engine_counts_and_is_recorded(client: ShopClient) -> None:
    order_id = client.place_order()
    client.wait_for_status(order_id, "pending_validation")
    engine = DaprWorkflowClient(host="127.0.0.1", port="50015")
    engine.raise_workflow_event(f"pizza-order-{order_id}", "ValidationComplete", data={"approved": True})
    record = client.wait_for_status(order_id, "delivered")
    engine.close()
    assert [entry["status"] for entry in record["history"] if entry["kind"] == "decision"] == ["approved"]


def test_an_order_that_the_engine_holds_still_says_why_and_can_be_cancelled(client: ShopClient) -> None:
    """Somebody raises large events in the engine, past the shop, until it sends the workflow to nobody any more."""
    order_id = client.place_order()
    client.wait_for_status(order_id, "pending_validation")
    engine = DaprWorkflowClient(host="127.0.0.1", port="50015")
    for _ in range(4):
        engine.raise_workflow_event(f"pizza-order-{order_id}", "Large", data="x" * 1024 * 1024)
    eventually(lambda: client.workflow_status(order_id), lambda status: status == "STALLED")
    for status, answer in (client.command("pause", order_id), client.decide(order_id, approved=True)):
        assert (status, "too large" in answer["detail"]) == (503, True), answer
    assert client.command("cancel", order_id)[0] == 200
    assert (client.record(order_id)["status"], client.workflow_status(order_id)) == ("cancelled", "TERMINATED")
    assert engine.get_workflow_state(f"pizza-order-{order_id}") is None
    engine.close()


def test_the_workflow_notes_what_waits_for_validation(client: ShopClient) -> None:
    order_id = client.place_order()
    client.wait_for_status(order_id, "pending_validation")
    url = f"http://127.0.0.1:3505/v1.0/state/pizzastatestore/validation_{order_id}"
    stored = client.call("GET", url)[1]
    value = json.loads(stored) if isinstance(stored, str) else stored
    assert value == {"order_id": order_id, "status": "pending_validation"}


def test_an_unknown_order_is_not_found(client: ShopClient) -> None:
    assert client.workflow_status("nobody") == 404
    assert client.decide("nobody", approved=True)[0] == 404
    assert [client.command(word, "nobody")[0] for word in ("pause", "resume", "cancel")] == [404] * 3
    assert client.call("GET", f"{ORDERS}/order/nobody")[1]["error"] == "Order not found"


def test_a_finished_order_takes_no_more_commands(client: ShopClient) -> None:
    order_id = client.place_order()
    client.decide(order_id, approved=True)
    client.wait_for_status(order_id, "delivered")
    assert [client.command(word, order_id)[0] for word in ("pause", "resume", "cancel")] == [409] * 3


def test_a_step_tried_by_hand_answers_and_leaves_no_record(client: ShopClient) -> None:
    order = new_order()
    status, answer = client.call("POST", "http://127.0.0.1:3505/cook", order, **{"dapr-app-id": "pizza-kitchen"})
    assert (status, answer) == (200, {**order, "status": "cooked"})
    assert client.record(order["order_id"]) == {}


def test_a_deleted_order_stays_away_until_it_is_placed_again(client: ShopClient) -> None:
    order = new_order()
    order_id = order["order_id"]
    client.start(order)
    assert client.call("DELETE", f"{ORDERS}/order/{order_id}")[0] == 409
    client.decide(order_id, approved=True)
    client.wait_for_status(order_id, "delivered")
    assert client.call("DELETE", f"{ORDERS}/order/{order_id}") == (200, {"success": True})
    assert client.record(order_id) == {}
    assert client.decide(order_id, approved=True)[0] == 404
    assert client.start(order)[0] == 200
    client.wait_for_status(order_id, "pending_validation")


def test_what_a_crash_left_half_done_is_finished_by_itself(client: ShopClient) -> None:
    """The record is written first: here it alone is, as if whoever wrote it had died before he told the engine."""
    order, decided, cancelled = new_order(), client.place_order(), client.place_order()
    assert client.call("POST", f"{ORDERS}/order/{order['order_id']}/accept", order)[0] == 200
    for order_id in (decided, cancelled):
        client.wait_for_status(order_id, "pending_validation")
    decision = {"order_id": decided, "approved": True}
    assert client.call("POST", f"{ORDERS}/order/{decided}/decide", decision)[0] == 200
    assert client.call("POST", f"{ORDERS}/order/{cancelled}/cancel", {"order_id": cancelled})[0] == 200
    client.wait_for_status(order["order_id"], "pending_validation", seconds=10)
    client.wait_for_status(decided, "delivered", seconds=10)
    client.wait_for_status(cancelled, "cancelled", seconds=10)
    assert client.workflow_status(cancelled) == "TERMINATED"


def test_orders_are_listed_newest_first(client: ShopClient) -> None:
    mine = [client.place_order("list") for _ in range(3)]
    listed = client.call("GET", f"{ORDERS}/orders?status=open&limit=200")[1]["orders"]
    assert [order["order_id"] for order in listed if order["order_id"] in mine] == mine[::-1]


def test_the_command_line_takes_an_order_to_its_end(client: ShopClient) -> None:
    placed = pizzashop("order", "pepperoni", "--json")
    order_id = json.loads(placed.stdout)["order_id"]
    client.wait_for_status(order_id, "pending_validation")
    assert pizzashop("approve", order_id).returncode == 0
    watched = pizzashop("watch", order_id)
    assert watched.returncode == 0, watched.stderr
    assert json.loads(pizzashop("status", order_id, "--json").stdout)["status"] == "delivered"


def test_bad_input_through_the_sidecar_is_refused_not_retried(client: ShopClient) -> None:
    status, answer = client.call("POST", f"{WORKFLOW}/start-order", {"order_id": "../x"})
    assert status == 400
    assert {error["field"] for error in answer["errors"]} == {"order_id", "pizza_type", "size"}


@pytest.mark.parametrize("size", [100 * 1024, 4 * 1024 * 1024])
def test_a_body_that_is_too_large_is_answered(size: int) -> None:
    """By a client that reads no answer before it has sent everything."""
    connection = http.client.HTTPConnection("127.0.0.1", KITCHEN.port, timeout=20)
    connection.request("POST", "/cook", body=b" " * size, headers={"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["status"]) == (413, 413)
    connection.close()


@pytest.mark.parametrize("letter", ["\u00e9", "\x7f"], ids=["two bytes", "six in JSON"])
def test_the_largest_order_is_reminded_of_remade_and_delivered(client: ShopClient, letter: str) -> None:
    """Of 64 KiB, which JSON in ASCII makes up to six times as long: it must not wear the engine out."""
    order = largest(letter)
    order_id = order["order_id"]
    assert client.post_utf8(f"{ORDERS}/order/{order_id}/accept?max_remakes=2&reminder=0.3", order) == 200
    assert client.post_utf8(f"{WORKFLOW}/start-order", order) == 200
    longest = letter * 500
    for attempt in (1, 2):
        eventually(lambda: overdue_attempt(client, order_id), lambda overdue, at=attempt: overdue == at)
        said = {"remake": True, "attempt": attempt, "by": longest, "note": longest}
        assert client.decide(order_id, approved=False, **said)[0] == 200
    eventually(lambda: overdue_attempt(client, order_id), lambda overdue: overdue == 3)
    assert client.decide(order_id, approved=True, attempt=3)[0] == 200
    eventually(lambda: client.record(order_id)["status"], "delivered".__eq__)
    assert client.record(order_id)["note"] == order["note"], "and not a letter of it is lost"
    eventually(lambda: client.workflow_status(order_id), lambda status: status == "COMPLETED")


def overdue_attempt(client: ShopClient, order_id: str) -> int | None:
    """The attempt whose decision is overdue; no test that fails is to show all of the order."""
    record = client.record(order_id)
    return record["attempt"] if record.get("overdue") else None


def largest(letter: str) -> dict[str, Any]:
    order = {**new_order(), "note": ""}
    left = MAX_JSON_BYTES - len(json.dumps(order, ensure_ascii=False).encode())
    return {**order, "note": letter * (left // len(letter.encode()))}
