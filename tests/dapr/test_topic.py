"""Events on the real topic: each is heard whatever is away meanwhile, and hostile or foreign ones harm nobody."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile_events import HOSTILE_EVENTS
from shop_client import ORDERS, ShopClient, eventually, new_order, pizzashop, stages
from shop_processes import PROCESSES, ShopProcesses
from valkey import Valkey

from pizzashop.domain.lifecycle import HAPPY_PATH
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project

PUBLISH = "http://127.0.0.1:3503/v1.0/publish/pizzapubsub/orders"
EVENTS = 30

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("events")


@pytest.fixture(scope="module")
def separate(project: Project, dapr: Dapr, state_dir: Path) -> Iterator[ShopProcesses]:
    made = ShopProcesses(state_dir, project, dapr, {"PIZZASHOP_PACE": "0"})
    with made.running() as running:
        yield running


def _publish(client: ShopClient, event: Any, query: str = "", **headers: str) -> None:
    assert client.reply("POST", f"{PUBLISH}{query}", event, **headers).status == 204


def _publish_stages(client: ShopClient, orders: list[dict[str, Any]]) -> None:
    for order in orders:
        _publish(client, {**order, "status": "validating"})


def _accepted(client: ShopClient) -> list[dict[str, Any]]:
    """Orders that no workflow is at: of each only the topic can tell that it was validated."""
    orders = [new_order("heard") for _ in range(EVENTS)]
    for order in orders:
        assert client.call("POST", f"{ORDERS}/order", order)[0] == 200
    return orders


def _left() -> int:
    """Events that role `order` has yet to hear of, or that are not acknowledged."""
    with Valkey(port=6379) as server:
        (group,) = (each for each in server.xinfo_groups("orders") if each["name"] == b"pizza-order")
        return int(group["pending"]) + int(group["lag"])


@pytest.mark.parametrize(
    ("take_away", "bring_back"),
    [(ShopProcesses.kill, ShopProcesses.start), (ShopProcesses.freeze, ShopProcesses.thaw)],
    ids=["killed", "frozen"],
)
@pytest.mark.parametrize("part", ["order", "sidecar-order", "valkey"])
def test_every_event_is_heard_whatever_is_away_meanwhile(
    separate: ShopProcesses,
    client: ShopClient,
    part: str,
    take_away: Callable[[ShopProcesses, str], None],
    bring_back: Callable[[ShopProcesses, str], None],
) -> None:
    orders = _accepted(client)
    half = EVENTS // 2
    _publish_stages(client, orders[:half])
    take_away(separate, part)
    # Without a store there is no topic either: what is published then is refused, and published again afterwards.
    if part != "valkey":
        _publish_stages(client, orders[half:])
    bring_back(separate, part)
    if part == "valkey":
        eventually(lambda: client.reply("POST", PUBLISH, {**orders[half], "status": "validating"}).status == 204)
        _publish_stages(client, orders[half:])
    for order in orders:
        client.wait_for_status(order["order_id"], "validating")
    eventually(_left, lambda left: left == 0)


def test_hostile_events_harm_nobody_and_are_kept(separate: ShopProcesses, client: ShopClient) -> None:
    with Valkey(port=6379) as server:
        for event in HOSTILE_EVENTS:
            server.xadd("orders", {"data": event})
        server.xadd("orders", {"foreign": "field"})
        server.xadd("orders", {"data": "x", "metadata": "[1]"})
    for event in ({"traceid": 7}, {"traceparent": {"a": 1}, "data": [None]}, [], None):
        _publish(client, event)
        _publish(client, event, "?metadata.rawPayload=true")
        if isinstance(event, dict):
            _publish(
                client,
                {"id": "1", "type": "t", "specversion": "1.0", "source": "s", **event},
                **{"Content-Type": "application/cloudevents+json"},
            )
    eventually(_left, lambda left: left == 0)
    assert [role for role in ("order", "sidecar-order") if not separate.is_running(role)] == []
    kept = client.call("GET", f"{ORDERS}/events?limit=100")[1]["events"]
    events = [client.call("GET", f"{ORDERS}/events/{each['id']}")[1]["event"] for each in kept]
    unreadable = {each["unreadable"] for each in events if isinstance(each, dict) and "unreadable" in each}
    assert {"not json", "", "x", "\ufffd\ufffd"} <= unreadable
    # And the next start meets none of them.
    separate.kill(*PROCESSES)
    separate.start(*PROCESSES)
    _an_order_is_delivered(client)


def test_foreign_events_hold_up_no_order(separate: ShopProcesses, client: ShopClient, state_dir: Path) -> None:
    own = new_order("own")
    assert client.call("POST", f"{ORDERS}/order", own)[0] == 200
    assert separate.is_running("sidecar-order")
    _publish(client, {**own, "status": "eaten"})
    logs = [state_dir / "logs" / f"{name}.log" for name in ("order", "sidecar-order")]
    eventually(_left, lambda left: left == 0)
    before = sum(len(log.read_text().splitlines()) for log in logs)
    with Valkey(port=6379) as server, server.pipeline() as pipeline:
        for number in range(5000):
            pipeline.xadd("orders", {"data": json.dumps({"id": f"{number}", "data": {"orderId": number}})})
        pipeline.execute()
    began = time.monotonic()
    _an_order_is_delivered(client)
    eventually(_left, lambda left: left == 0)
    took = time.monotonic() - began
    lines = sum(len(log.read_text().splitlines()) for log in logs) - before
    assert lines < 200, f"{lines} lines, {took:.1f} s"
    kept = json.loads(pizzashop("events", "--limit", "100", "--json").stdout)["events"]
    assert own["order_id"] in [each["order_id"] for each in kept]


def _an_order_is_delivered(client: ShopClient) -> None:
    order_id = client.place_order("after")
    client.wait_for_status(order_id, "pending_validation")
    assert client.decide(order_id, approved=True)[0] == 200
    assert stages(client.wait_for_status(order_id, "delivered")) == list(HAPPY_PATH)


def test_an_event_is_kept_once_until_an_operator_is_done_with_it(separate: ShopProcesses, client: ShopClient) -> None:
    assert separate.is_running("order")
    order = new_order()
    assert client.call("POST", f"{ORDERS}/order", order)[0] == 200
    _publish(client, {**order, "status": "eaten"})

    def rows() -> list[dict[str, Any]]:
        every = json.loads(pizzashop("events", "--limit", "100", "--json").stdout)["events"]
        return [each for each in every if each["order_id"] == order["order_id"]]

    (row,) = eventually(rows)
    assert "eaten" in row["reason"]
    replayed = pizzashop("events", "replay", row["id"])
    assert (replayed.returncode, "It still cannot be applied" in replayed.stderr) == (4, True)
    assert len(rows()) == 1
    assert pizzashop("events", "drop", row["id"], "--yes").returncode == 0
    assert rows() == []
