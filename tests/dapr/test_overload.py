"""A rush is accepted whole. Of an overload the shop makes all that it has accepted, and answers each request soon."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from shop_client import WORKFLOW, OpenShop, ShopClient, eventually, new_order, stages

from pizzashop.domain.lifecycle import HAPPY_PATH

SECONDS = 15.0
CLIENTS = 32
THREADS = 16
"""Each client starts orders one after another, as fast as it is answered: far more than so few threads take in."""
SOON_SECONDS = 5.0
RUSH_ORDERS = 300


@pytest.mark.timeout(400)
def test_all_is_answered_and_what_was_accepted_is_made(open_shop: OpenShop, client: ShopClient, tmp_path: Path) -> None:
    accepted: list[str] = []
    slowest: list[float] = []

    def insist(_: int) -> None:
        while time.monotonic() < end:
            order, began = new_order("flood"), time.monotonic()
            reply = client.reply("POST", f"{WORKFLOW}/start-order", order)
            slowest.append(time.monotonic() - began)
            assert reply.status == 200 or (reply.status == 503 and "retry-after" in reply.headers), reply
            if reply.status == 200:
                accepted.append(order["order_id"])
                _approve(client, order["order_id"])

    with open_shop(tmp_path, pace=0, threads=THREADS, log_level="warning"):
        end = time.monotonic() + SECONDS
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(insist, range(CLIENTS)))
        assert len(accepted) < len(slowest), "nothing was turned away: this was no overload"
        assert max(slowest) < SOON_SECONDS
        for order_id in accepted:
            client.wait_for_status(order_id, "delivered", seconds=60)
        last = client.place_order("after")
        client.decide(last, approved=True)
        client.wait_for_status(last, "delivered", seconds=5)


@pytest.mark.timeout(400)
def test_all_orders_of_a_rush_are_accepted_and_made(open_shop: OpenShop, client: ShopClient, tmp_path: Path) -> None:
    orders = [new_order("rush") for _ in range(RUSH_ORDERS)]
    with open_shop(tmp_path, pace=0.2, log_level="warning"):
        with ThreadPoolExecutor(RUSH_ORDERS) as pool:
            answers = Counter(pool.map(lambda order: client.start(order)[0], orders))
        assert answers == {200: RUSH_ORDERS}
        # Some of these decisions arrive before the workflow of their order has started.
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda order: _approve(client, order["order_id"]), orders))
        for order in orders:
            delivered = client.wait_for_status(order["order_id"], "delivered", seconds=120)
            assert stages(delivered) == list(HAPPY_PATH)


def _approve(client: ShopClient, order_id: str) -> None:
    eventually(lambda: client.decide(order_id, approved=True)[0] == 200, seconds=60)
