"""`make histories`: process an order of each kind on real Dapr, and store the history that the engine has of it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dapr.ext.workflow import DaprWorkflowClient
from engine_history import read_history
from google.protobuf.json_format import MessageToDict
from shop_client import OpenShop, ShopClient, eventually

from pizzashop.dapr.client import SidecarClient
from pizzashop.dapr.http import HttpClient
from pizzashop.local.shop import Shop
from pizzashop.roles import ORDER, WORKFLOW
from pizzashop.settings import Settings
from pizzashop.workflow.activities import ContentCache
from pizzashop.workflow.commands import OrderCommands
from pizzashop.workflow.engine import DaprEngine
from pizzashop.workflow.pizza_workflow import DECISION_EVENT
from pizzashop.workflow.worker import LATEST_VERSION

pytestmark = pytest.mark.usefixtures("shop")

HISTORIES = Path(__file__).parents[1] / "histories" / LATEST_VERSION
ADDRESS = {"host": "127.0.0.1", "port": str(WORKFLOW.dapr_grpc_port)}
RAISED_DIRECTLY = {"approved": True, "by": "ana", "note": "raised by hand"}
ENDED = ("COMPLETED", "TERMINATED", "FAILED")


@pytest.fixture(scope="module")
def shop(open_shop: OpenShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    state_dir = tmp_path_factory.mktemp("state")
    with open_shop(
        state_dir, pace=0, fail="cooking_baking:bad-", validation_reminder=1, validation_deadline=5
    ) as opened:
        yield opened


def delivered(client: ShopClient) -> str:
    order_id = waiting(client)
    client.decide(order_id, approved=True)
    return order_id


def decided_early(client: ShopClient) -> str:
    order_id = client.place_order()
    client.decide(order_id, approved=True)
    return order_id


def rejected(client: ShopClient) -> str:
    order_id = waiting(client)
    client.decide(order_id, approved=False)
    return order_id


def remade_then_delivered(client: ShopClient) -> str:
    order_id = remade(client, 1)
    client.decide(order_id, approved=True, attempt=2)
    return order_id


def remade_too_often(client: ShopClient) -> str:
    return remade(client, 3)


def failed_in_the_kitchen(client: ShopClient) -> str:
    return client.place_order("bad")


def overdue_then_approved(client: ShopClient) -> str:
    order_id = overdue(client)
    client.decide(order_id, approved=True)
    return order_id


def deadline_passed(client: ShopClient) -> str:
    return waiting(client)


def cancelled_while_it_waits(client: ShopClient) -> str:
    order_id = waiting(client)
    client.command("cancel", order_id)
    return order_id


def paused_and_resumed(client: ShopClient) -> str:
    order_id = waiting(client)
    client.command("pause", order_id)
    client.decide(order_id, approved=True)
    client.command("resume", order_id)
    return order_id


def paused_beyond_a_reminder(client: ShopClient) -> str:
    order_id = waiting(client)
    client.command("pause", order_id)
    overdue(client)
    client.command("resume", order_id)
    client.decide(order_id, approved=True)
    return order_id


def decided_in_the_engine(client: ShopClient) -> str:
    order_id = waiting(client)
    DaprWorkflowClient(**ADDRESS).raise_workflow_event(instance(order_id), DECISION_EVENT, data=RAISED_DIRECTLY)
    return order_id


def restarted_while_it_waits(client: ShopClient) -> str:
    order_id = waiting(client)
    restart(order_id)
    client.decide(order_id, approved=True)
    return order_id


def restarted_after_the_decision(client: ShopClient) -> str:
    order_id = waiting(client)
    engine = DaprEngine(WORKFLOW.dapr_grpc_port)
    engine.terminate(order_id)
    engine.close()
    client.decide(order_id, approved=True)
    restart(order_id)
    return order_id


def restart(order_id: str) -> None:
    """Restart a workflow as the reconciler does with a stuck order."""
    engine = DaprEngine(WORKFLOW.dapr_grpc_port)
    with HttpClient() as http:
        sidecar = SidecarClient(http, WORKFLOW.dapr_http_port)
        progress = sidecar.invoke(ORDER, "GET", f"/order/{order_id}/summary")["progress"]
        OrderCommands(sidecar, engine, Settings(), ContentCache(sidecar)).recover(order_id, progress, was_woken=True)
    engine.close()


def waiting(client: ShopClient) -> str:
    order_id = client.place_order()
    client.wait_for_status(order_id, "pending_validation")
    return order_id


def remade(client: ShopClient, times: int) -> str:
    order_id = waiting(client)
    for attempt in range(1, times + 1):
        client.decide(order_id, approved=False, remake=True, attempt=attempt)
        if attempt < 3:
            client.wait_for_status(order_id, "pending_validation", attempt=attempt + 1)
    return order_id


def overdue(client: ShopClient) -> str:
    order_id = client.place_order()
    eventually(lambda: client.record(order_id), lambda record: "overdue" in record)
    return order_id


def instance(order_id: str) -> str:
    return f"pizza-order-{order_id}"


@pytest.mark.parametrize(
    "way",
    [
        delivered,
        decided_early,
        rejected,
        remade_then_delivered,
        remade_too_often,
        failed_in_the_kitchen,
        overdue_then_approved,
        deadline_passed,
        cancelled_while_it_waits,
        paused_and_resumed,
        paused_beyond_a_reminder,
        decided_in_the_engine,
        restarted_while_it_waits,
        restarted_after_the_decision,
    ],
    ids=lambda way: way.__name__,
)
def test_store(way: Callable[[ShopClient], str], client: ShopClient) -> None:
    order_id = way(client)
    eventually(lambda: client.workflow_status(order_id), lambda status: status in ENDED)
    HISTORIES.mkdir(parents=True, exist_ok=True)
    text = json.dumps(MessageToDict(read_history(order_id)), indent=1)
    (HISTORIES / f"{way.__name__}.json").write_text(text + "\n")
