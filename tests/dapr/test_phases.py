"""Commands to an order in a certain stage: at a pace at which the stages last."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from shop_client import OpenShop, ShopClient, count_published_stages, stages

from pizzashop.domain.lifecycle import HAPPY_PATH
from pizzashop.local.shop import Shop

pytestmark = pytest.mark.usefixtures("shop")


@pytest.fixture(scope="module")
def shop(open_shop: OpenShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("state"), pace=0.25) as opened:
        yield opened


PHASES = ("processing", "cooking_making_dough", "pending_validation", "delivery_on_the_way")


def _cancelled_in(client: ShopClient, stage: str) -> str:
    order_id = client.place_order()
    if stage.startswith("delivery"):
        client.decide(order_id, approved=True)
    client.wait_for_status(order_id, stage)
    assert client.command("cancel", order_id) == (200, {"order_id": order_id, "status": "cancelled"})
    assert client.record(order_id)["status"] == "cancelled"
    assert client.workflow_status(order_id) == "TERMINATED"
    assert client.command("cancel", order_id)[0] == 200
    assert client.decide(order_id, approved=False)[0] == 409
    return order_id


def test_cancelled_in_any_phase_no_further_stage_begins(client: ShopClient) -> None:
    with ThreadPoolExecutor(len(PHASES)) as pool:
        cancelled = list(pool.map(lambda stage: _cancelled_in(client, stage), PHASES))
    # One more order goes all the way: whatever was to happen to the others has happened by then.
    other = client.place_order()
    client.decide(other, approved=True)
    client.wait_for_status(other, "delivered")
    for stage, order_id in zip(PHASES, cancelled, strict=True):
        record = client.record(order_id)
        assert (record["status"], stages(record)[-1]) == ("cancelled", stage)
        assert max(count_published_stages(order_id).values()) == 1


def test_a_paused_order_finishes_its_step_and_waits(client: ShopClient) -> None:
    order_id = client.place_order()
    client.wait_for_status(order_id, "cooking_preparing_ingredients")
    assert client.command("pause", order_id) == (200, {"order_id": order_id, "status": "paused"})
    assert client.workflow_status(order_id) == "SUSPENDED"
    with ThreadPoolExecutor(8) as pool:
        assert {status for status, _ in pool.map(lambda _: client.command("pause", order_id), range(8))} == {200}
    assert client.wait_for_status(order_id, "cooked")["paused"] is True
    other = client.place_order()
    client.wait_for_status(other, "pending_validation")
    assert client.record(order_id)["status"] == "cooked"
    assert client.command("resume", order_id) == (200, {"order_id": order_id, "status": "resumed"})
    assert client.workflow_status(order_id) == "RUNNING"
    client.wait_for_status(order_id, "pending_validation")
    client.decide(order_id, approved=True)
    record = client.wait_for_status(order_id, "delivered")
    assert stages(record) == list(HAPPY_PATH)
    actions = [entry["status"] for entry in record["history"] if entry["kind"] == "action"]
    assert (actions, record["paused"]) == (["paused", "resumed"], False)


def test_a_paused_order_can_be_cancelled(client: ShopClient) -> None:
    order_id = client.place_order()
    client.wait_for_status(order_id, "validating")
    client.command("pause", order_id)
    assert client.command("cancel", order_id)[0] == 200
    assert client.record(order_id)["status"] == "cancelled"
    assert client.workflow_status(order_id) == "TERMINATED"


def test_a_decision_before_the_pizza_is_cooked_is_kept(client: ShopClient) -> None:
    order_id = client.place_order()
    assert client.decide(order_id, approved=False, remake=True)[0] == 200
    client.wait_for_status(order_id, "cooking_preparing_ingredients", attempt=2)
