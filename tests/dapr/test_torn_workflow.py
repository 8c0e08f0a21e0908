"""A workflow of which the store kept only half is deleted, and restarted from the order's record."""

from collections.abc import Iterator

import pytest
import valkey
from dapr.ext.workflow import DaprWorkflowClient
from engine_history import count_finished_activities
from own_valkey import client as store_client
from shop_client import WORKFLOW, ShopClient, eventually
from up_process import OPEN, UpProcess

from pizzashop.local.processes import process_trees
from pizzashop.local.redis import PORT

ACTIVITIES_BEFORE_DECISION = 3


@pytest.fixture
def store() -> Iterator["valkey.Valkey[bytes]"]:
    with store_client(PORT) as found:
        yield found


def lose_an_event(up: UpProcess, store: "valkey.Valkey[bytes]", order_id: str) -> None:
    """Leave the order's workflow as a Redis without memory does: its metadata names an event that does not exist.

    Meanwhile the role is frozen, so it does not take the event. Its sidecar has the event in memory, and is killed.
    """
    sidecar, role = up.find("--app-id=pizza-workflow"), process_trees([up.find("serve --role workflow").pid])
    for process in role:
        process.suspend()
    engine = DaprWorkflowClient(host="127.0.0.1", port="50015")
    engine.raise_workflow_event(f"pizza-order-{order_id}", "ValidationComplete", data={"approved": True})
    engine.close()
    (event,) = store.scan_iter(match=f"*||pizza-order-{order_id}||inbox-*", count=10_000)
    store.delete(event)
    sidecar.kill()
    for process in role:
        process.resume()


@pytest.mark.timeout(300)
def test_a_half_written_workflow_is_restarted_and_its_order_delivered(
    up: UpProcess, client: ShopClient, store: "valkey.Valkey[bytes]"
) -> None:
    up.start()
    up.read_until(OPEN)
    order_id = client.place_order()
    # The record reads `pending_validation` before that turn of the workflow ends. The engine takes no event in a turn
    # that does not end, as of a frozen role.
    eventually(lambda: count_finished_activities(order_id), lambda count: count == ACTIVITIES_BEFORE_DECISION)
    lose_an_event(up, store, order_id)
    up.read_until("started again")
    reply = eventually(
        lambda: client.reply("GET", f"{WORKFLOW}/get-status/{order_id}"), lambda reply: b"only half" in reply.body
    )
    assert reply.status == 503
    store.config_set("maxmemory", 1)
    up.read_until("takes no writes. Orders wait")
    store.config_set("maxmemory", 0)
    up.read_until("1 workflows were half-written, and start again")
    assert client.decide(order_id, approved=True)[0] == 200
    client.wait_for_status(order_id, "delivered", seconds=150)
