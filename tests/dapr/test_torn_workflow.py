"""A workflow of which the store kept only half is forgotten, and begun again from the order's record."""

import signal
from collections.abc import Iterator

import pytest
import valkey
from dapr.ext.workflow import DaprWorkflowClient
from own_valkey import client as store_client
from running_up import OPEN, Up
from shop_client import WORKFLOW, ShopClient, eventually

from pizzashop.local.connection import PORT


@pytest.fixture
def store() -> Iterator["valkey.Valkey[bytes]"]:
    with store_client(PORT) as found:
        yield found


def lose_an_event(up: Up, store: "valkey.Valkey[bytes]", order_id: str) -> None:
    """Leave the order's workflow as a Redis does that is out of memory: its metadata names an event that is not there.

    The role is frozen meanwhile, so that it does not take the event; its sidecar has the event in memory, and dies.
    """
    role, sidecar = up.find("serve --role workflow"), up.find("--app-id=pizza-workflow")
    role.send_signal(signal.SIGSTOP)
    engine = DaprWorkflowClient(host="127.0.0.1", port="50015")
    engine.raise_workflow_event(f"pizza-order-{order_id}", "ValidationComplete", data={"approved": True})
    engine.close()
    (event,) = store.scan_iter(match=f"*||pizza-order-{order_id}||inbox-*", count=10_000)
    store.delete(event)
    sidecar.kill()
    role.send_signal(signal.SIGCONT)


@pytest.mark.timeout(300)
def test_it_is_begun_again_and_delivered(up: Up, client: ShopClient, store: "valkey.Valkey[bytes]") -> None:
    up.start()
    up.until(OPEN)
    order_id = client.placed()
    client.until(order_id, "pending_validation")
    lose_an_event(up, store, order_id)
    up.until("had ended: started again")
    reply = eventually(
        lambda: client.reply("GET", f"{WORKFLOW}/get-status/{order_id}"), lambda reply: b"only half" in reply.body
    )
    assert reply.status == 503
    store.config_set("maxmemory", 1)
    up.until("takes no writes. Orders wait")
    store.config_set("maxmemory", 0)
    up.until("1 workflows had been left half-written, and are begun again")
    assert client.decide(order_id, approved=True)[0] == 200
    client.until(order_id, "delivered", seconds=150)
