"""The shop closes with orders in flight and opens again: each order continues where it was."""

import time
from pathlib import Path

import pytest
from shop_client import OpenShop, ShopClient, eventually, stages
from told import runs, twice

from pizzashop.domain.lifecycle import HAPPY_PATH


def _in_flight(client: ShopClient) -> list[str]:
    """Four orders: one waits for the manager, one is on its way, one in the kitchen, one in the storefront."""
    waiting, on_its_way = client.place_order("wait"), client.place_order("deliver")
    client.decide(on_its_way, approved=True)
    client.wait_for_status(on_its_way, "delivery_finding_driver")
    cooking = client.place_order("cook")
    client.wait_for_status(cooking, "cooking_preparing_ingredients")
    new = client.place_order("new")
    client.wait_for_status(new, "validating")
    assert client.record(on_its_way)["status"].startswith("delivery")
    assert client.record(cooking)["status"].startswith("cooking")
    return [waiting, on_its_way, cooking, new]


def test_orders_in_flight_go_on_when_it_opens_again(
    client: ShopClient, open_shop: OpenShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_shop(tmp_path, pace=0.3):
        orders = _in_flight(client)
        closed_at = time.time()
    # Dapr's processes would use it in the names of workflows and data.
    monkeypatch.setenv("NAMESPACE", "another")
    with open_shop(tmp_path, pace=0):
        for order_id in orders:
            # While the engine loads its workflows, the response may be 503.
            eventually(lambda each=order_id: client.decide(each, approved=True)[0], lambda status: status == 200)
        for order_id in orders:
            assert stages(client.wait_for_status(order_id, "delivered", seconds=60)) == list(HAPPY_PATH)
        # A run that continues a step may publish its last stage again, under the run that began it.
        assert twice(runs(orders), closed_at) == ([], [])
    assert len(list((tmp_path / "scheduler").glob("*-dapr-scheduler-server-0"))) == 1
