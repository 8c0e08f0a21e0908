"""A decision that is missing, on real Dapr: overdue, too late, and the time that does not count."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from shop_client import OpenShop, ShopClient, eventually

from pizzashop.domain.lifecycle import FINAL
from pizzashop.local.shop import Shop

pytestmark = pytest.mark.usefixtures("shop")

ENGINE = "http://127.0.0.1:3505/v1.0/workflows/dapr"
TOO_LATE = "Pizza validation failed - no decision within 3 s"


@pytest.fixture(scope="module")
def shop(open_shop: OpenShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    state_dir = tmp_path_factory.mktemp("state")
    with open_shop(state_dir, pace=0, validation_reminder=0.3, validation_deadline=3) as opened:
        yield opened


def overdue(client: ShopClient) -> str:
    """An order that has become overdue."""
    order_id = client.place_order()
    eventually(lambda: client.record(order_id), lambda record: record.get("overdue") is True)
    return order_id


def test_a_decision_after_it_was_overdue_counts(client: ShopClient) -> None:
    order_id = overdue(client)
    assert client.decide(order_id, approved=True)[0] == 200
    record = client.wait_for_status(order_id, "delivered")
    assert "overdue" not in record
    assert ("action", "overdue", "the clock") in [(e["kind"], e["status"], e.get("by")) for e in record["history"]]


def test_the_deadline_fails_the_order_after_all_reminders(client: ShopClient) -> None:
    order_id = client.place_order()
    record = client.wait_for_status(order_id, "failed")
    assert record["error"] == TOO_LATE
    assert [entry["status"] for entry in record["history"]].count("overdue") == 4
    assert client.decide(order_id, approved=True)[0] == 409
    eventually(lambda: client.workflow_status(order_id), lambda status: status == "COMPLETED")


def test_a_deadline_that_passes_while_it_is_paused_has_not_passed(client: ShopClient) -> None:
    order_id = overdue(client)
    assert client.command("pause", order_id)[0] == 200
    client.wait_for_status(client.place_order(), "failed")  # one that was placed later is too late by now
    assert client.command("resume", order_id)[0] == 200
    eventually(lambda: client.workflow_status(order_id), lambda status: status == "RUNNING")
    told = len(client.record(order_id)["history"])
    record = eventually(lambda: client.record(order_id), lambda record: len(record["history"]) > told)
    assert (record["status"], record["history"][-1]["status"]) == ("pending_validation", "overdue")
    assert client.decide(order_id, approved=True)[0] == 200
    client.wait_for_status(order_id, "delivered")


def test_a_decision_made_while_it_is_paused_is_in_time(client: ShopClient) -> None:
    order_id = overdue(client)
    client.command("pause", order_id)
    assert client.decide(order_id, approved=True)[0] == 200
    client.wait_for_status(client.place_order(), "failed")
    client.command("resume", order_id)
    client.wait_for_status(order_id, "delivered")


def test_paused_at_the_very_moment_at_which_it_is_reminded_it_goes_on(client: ShopClient) -> None:
    def one(_: int) -> tuple[int, str]:
        order_id = overdue(client)
        client.command("pause", order_id)
        decided = client.decide(order_id, approved=True)[0]
        client.command("resume", order_id)
        ended = eventually(lambda: client.record(order_id)["status"], lambda status: status in FINAL, seconds=60)
        return decided, ended

    # Where the machine is so slow that the deadline comes first, the order has failed, and the decision is refused.
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(32))) <= {(200, "delivered"), (409, "failed")}


def test_suspended_twice_past_the_shop_it_goes_on_when_it_is_resumed(client: ShopClient) -> None:
    order_id = overdue(client)
    for word in ("pause", "pause", "resume"):
        answer = client.reply("POST", f"{ENGINE}/pizza-order-{order_id}/{word}")
        assert answer.status == 202, answer
    assert client.wait_for_status(order_id, "failed")["error"] == TOO_LATE
