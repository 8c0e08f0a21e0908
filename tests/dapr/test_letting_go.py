"""What has been kept long enough goes, on the real store and the real engine."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from dapr.ext.workflow import DaprWorkflowClient
from shop_client import ORDERS, OpenShop, ShopClient, eventually, new_order
from valkey import Valkey

from pizzashop.local.postgresql import EmbeddedPostgresql
from pizzashop.local.shop import Shop

KeysOf = Callable[[str], set[str]]

RETENTION = 6
ENDS = {"delivered": "COMPLETED", "failed": "COMPLETED", "cancelled": "TERMINATED"}

pytestmark = pytest.mark.usefixtures("shop")


@pytest.fixture(scope="module")
def shop(open_shop: OpenShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("state"), pace=0, retention=f"{RETENTION}s") as opened:
        yield opened


@pytest.fixture
def engine() -> Iterator[DaprWorkflowClient]:
    client = DaprWorkflowClient(host="127.0.0.1", port="50015")
    yield client
    client.close()


@pytest.fixture
def keys_of(shop: Shop, store_name: str) -> KeysOf:
    """Return a function for every key of the store that names an order: the shop's own, and the engine's."""

    def stored_keys() -> list[str]:
        if store_name == "postgresql":
            with psycopg.connect(EmbeddedPostgresql(shop.state_dir / "postgresql").url) as database:
                return [key for (key,) in database.execute("SELECT key FROM state")]
        with Valkey(port=6379, decode_responses=True) as server:
            return list(server.scan_iter(count=1000))

    return lambda order_id: {key for key in stored_keys() if order_id in key}


def until_left(keys_of: KeysOf, order_id: str, keys: set[str]) -> None:
    """Wait until these are all the keys that name the order."""
    eventually(lambda: keys_of(order_id), lambda found: found == keys, seconds=40)


def ended(client: ShopClient, how: str) -> dict[str, Any]:
    """An order that has come to this end."""
    order = new_order(how)
    order_id = order["order_id"]
    assert client.start(order)[0] == 200
    client.wait_for_status(order_id, "pending_validation")
    if how == "cancelled":
        assert client.command("cancel", order_id)[0] == 200
    else:
        assert client.decide(order_id, approved=how == "delivered")[0] == 200
    client.wait_for_status(order_id, how)
    return order


def test_first_the_workflow_goes_and_then_every_trace(
    client: ShopClient, engine: DaprWorkflowClient, keys_of: KeysOf
) -> None:
    waiting = client.place_order("waiting")
    client.wait_for_status(waiting, "pending_validation")
    orders = {how: ended(client, how) for how in ENDS}
    assert all(len(keys_of(order["order_id"])) > 2 for order in orders.values())
    for how, order in orders.items():
        order_id = order["order_id"]
        instance = f"pizza-order-{order_id}"
        until_left(keys_of, order_id, {f"pizza-order||order_{order_id}"})
        started = {"order_id": order_id, "workflow_instance_id": instance, "status": "started"}
        assert client.start(order) == (200, started)
        assert (client.record(order_id)["status"], client.workflow_status(order_id)) == (how, ENDS[how])
        assert engine.get_workflow_state(instance) is None
    for order in orders.values():
        order_id = order["order_id"]
        until_left(keys_of, order_id, set())
        assert client.call("GET", f"{ORDERS}/order/{order_id}")[0] == client.workflow_status(order_id) == 404
    assert client.workflow_status(waiting) == "RUNNING"
    assert client.decide(waiting, approved=True)[0] == 200
    client.wait_for_status(waiting, "delivered")
