"""The shop on RabbitMQ and on Kafka: every event is heard, no order is lost, and a broker that is away costs time.

`make test-brokers` runs these; `make test` leaves them out. `PIZZASHOP_TEST_OUTAGE` is for how many seconds a broker is
away.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from brokers import BROKERS, PASSWORD, Broker, RabbitMQ
from hostile_events import HOSTILE_EVENTS
from own_certificates import Certificates
from shop_client import ORDERS, PIZZASHOP, FaultTable, ShopClient, eventually, new_order, stages
from shop_processes import PROCESSES, ShopProcesses
from up_process import OPEN, UpProcess

from pizzashop.domain.lifecycle import HAPPY_PATH, STEPS
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.processes import descendants
from pizzashop.local.project import Project

PUBLISH = "http://127.0.0.1:3503/v1.0/publish/pizzapubsub/orders"
EVENTS = 30
ORDERS_IN_FLIGHT = 6
OUTAGE_SECONDS = float(os.environ.get("PIZZASHOP_TEST_OUTAGE", "8"))

REFUSALS = {"rabbitmq": "it refuses the password of user shop", "kafka": "it does not let user shop in"}

Act = Callable[[ShopProcesses, Broker], None]

pytestmark = [
    pytest.mark.skipif("PIZZASHOP_TEST_BROKERS" not in os.environ, reason="`make test-brokers` runs these"),
    pytest.mark.timeout(OUTAGE_SECONDS + 240),
]


@pytest.fixture(scope="module", params=BROKERS, ids=lambda each: each.name)
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    if why := request.param.why_missing():
        pytest.skip(why)
    with request.param.running(tmp_path_factory.mktemp("broker") / "data") as running:
        yield running


@pytest.fixture(scope="class")
def separate(
    project: Project, dapr: Dapr, broker: Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ShopProcesses]:
    state_dir = tmp_path_factory.mktemp(broker.name)
    chosen = project.with_products([broker.name]).write_components(state_dir / "resources")
    made = ShopProcesses(state_dir, chosen, dapr, {"PIZZASHOP_PACE": "0.15", **broker.env})
    with made.running() as running:
        yield running


def _publish(client: ShopClient, event: Any, query: str = "", **headers: str) -> int:
    return client.reply("POST", f"{PUBLISH}{query}", event, **headers).status


def _publish_stage(client: ShopClient, orders: list[dict[str, Any]], status: str = "validating") -> None:
    assert {_publish(client, {**order, "status": status}) for order in orders} == {204}


def _accepted(client: ShopClient, count: int = EVENTS) -> list[dict[str, Any]]:
    """Return orders without a workflow: only the topic can tell what happened to them."""
    orders = [new_order("heard") for _ in range(count)]
    assert {client.call("POST", f"{ORDERS}/order", order)[0] for order in orders} == {200}
    return orders


def _wait_until_all_are_acknowledged(broker: Broker) -> None:
    eventually(broker.count_unacknowledged, lambda count: count == 0, seconds=60)


def _finish(client: ShopClient, order_ids: list[str]) -> None:
    """Approve each order, and wait until all are delivered: each stage once, without a gap."""
    for order_id in order_ids:
        eventually(lambda order_id=order_id: client.decide(order_id, approved=True)[0] == 200, seconds=60)
    for order_id in order_ids:
        assert stages(client.wait_for_status(order_id, "delivered", seconds=120)) == list(HAPPY_PATH)


def _wait_out() -> None:
    time.sleep(OUTAGE_SECONDS)  # the length of the outage is what is tested


def _kill_for_a_while(_: ShopProcesses, broker: Broker) -> None:
    broker.kill()
    _wait_out()


def _freeze_for_a_while(_: ShopProcesses, broker: Broker) -> None:
    broker.freeze()
    _wait_out()


FAULTS: dict[str, tuple[Act, Act]] = {
    "order killed": (lambda shop, _: shop.kill("order"), lambda shop, _: shop.start("order")),
    "order frozen": (lambda shop, _: shop.freeze("order"), lambda shop, _: shop.thaw("order")),
    "order restarted": (lambda shop, _: shop.terminate("order"), lambda shop, _: _start_again(shop, "order")),
    "its sidecar killed": (lambda shop, _: shop.kill("sidecar-order"), lambda shop, _: shop.start("sidecar-order")),
    "its sidecar frozen": (lambda shop, _: shop.freeze("sidecar-order"), lambda shop, _: shop.thaw("sidecar-order")),
    "store killed": (lambda shop, _: shop.kill("valkey"), lambda shop, _: shop.start("valkey")),
    "broker killed": (_kill_for_a_while, lambda _, broker: broker.start()),
    "broker frozen": (_freeze_for_a_while, lambda _, broker: broker.thaw()),
    "everything killed": (
        lambda shop, broker: (shop.kill(*PROCESSES), broker.kill())[0],
        lambda shop, broker: (broker.start(), shop.start(*PROCESSES))[0],
    ),
}


def _start_again(shop: ShopProcesses, role: str) -> None:
    eventually(lambda: not shop.is_running(role))
    shop.start(role)


class TestShop:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_every_event_is_heard_and_every_order_delivered(
        self, separate: ShopProcesses, client: ShopClient, broker: Broker, fault: str, broker_table: FaultTable
    ) -> None:
        take_away, bring_back = FAULTS[fault]
        in_flight = [client.place_order("fault") for _ in range(ORDERS_IN_FLIGHT)]
        accepted, half = _accepted(client), EVENTS // 2
        _publish_stage(client, accepted[:half])
        take_away(separate, broker)
        # Without the broker, or the sidecar that this test publishes by, nothing can be published meanwhile.
        can_publish = fault not in ("broker killed", "broker frozen", "everything killed")
        if can_publish:
            _publish_stage(client, accepted[half:])
        began = time.monotonic()
        bring_back(separate, broker)
        if not can_publish:
            first = {**accepted[half], "status": "validating"}
            eventually(lambda: _publish(client, first) == 204, seconds=60)
            _publish_stage(client, accepted[half:])
        for order in accepted:
            client.wait_for_status(order["order_id"], "validating", seconds=60)
        _finish(client, in_flight)
        took = time.monotonic() - began
        _wait_until_all_are_acknowledged(broker)
        applied = sum(client.record(order["order_id"])["status"] == "validating" for order in accepted)
        delivered = sum(client.record(order_id)["status"] == "delivered" for order_id in in_flight)
        pending = broker.count_unacknowledged()
        broker_table((broker.name, fault, len(accepted), applied, pending, delivered, f"{took:.1f} s"))
        assert (applied, pending, delivered) == (EVENTS, 0, ORDERS_IN_FLIGHT)

    def test_events_in_any_order_give_one_history(
        self, separate: ShopProcesses, client: ShopClient, broker: Broker
    ) -> None:
        assert separate.is_running("order")
        every_stage = [stage.status for step in STEPS for stage in step.timed_stages]
        forwards, backwards = _accepted(client, 2)
        for status in every_stage:
            _publish_stage(client, [forwards], status)
        for status in reversed(every_stage):
            _publish_stage(client, [backwards], status)
        _wait_until_all_are_acknowledged(broker)
        histories = [stages(client.record(order["order_id"])) for order in (forwards, backwards)]
        assert histories[0] == histories[1]
        assert set(every_stage) <= set(histories[0])

    def test_hostile_events_harm_nobody_and_are_kept(
        self, separate: ShopProcesses, client: ShopClient, broker: Broker
    ) -> None:
        broker.publish(HOSTILE_EVENTS)
        for event in ({"traceid": 7}, {"traceparent": {"a": 1}, "data": [None]}, [], None):
            assert _publish(client, event) == _publish(client, event, "?metadata.rawPayload=true") == 204
            if isinstance(event, dict):
                told = {"id": "1", "type": "t", "specversion": "1.0", "source": "s", **event}
                assert _publish(client, told, **{"Content-Type": "application/cloudevents+json"}) == 204
        _wait_until_all_are_acknowledged(broker)
        assert [role for role in ("order", "sidecar-order") if not separate.is_running(role)] == []
        kept = client.call("GET", f"{ORDERS}/events?limit=100")[1]["events"]
        events = [client.call("GET", f"{ORDERS}/events/{each['id']}")[1]["event"] for each in kept]
        unreadable = {each["unreadable"] for each in events if isinstance(each, dict) and "unreadable" in each}
        assert {"not json", "", "\ufffd\ufffd"} <= unreadable
        _finish(client, [client.place_order("after")])

    def test_foreign_events_hold_up_no_order(self, separate: ShopProcesses, client: ShopClient, broker: Broker) -> None:
        assert separate.is_running("order")
        broker.publish(json.dumps({"id": f"{number}", "data": {"orderId": number}}).encode() for number in range(5000))
        _finish(client, [client.place_order("own")])
        _wait_until_all_are_acknowledged(broker)


class TestUp:
    @pytest.fixture
    def up(self, up: UpProcess, broker: Broker) -> UpProcess:
        up.env |= {"PIZZASHOP_BROKER": broker.name, "PIZZASHOP_BROKER_URL": broker.url}
        return up

    def doctor(self, up: UpProcess) -> str:
        return subprocess.run([PIZZASHOP, "doctor"], env=up.env, cwd=up.cwd, capture_output=True, text=True).stdout

    def test_a_wrong_login_or_address_is_reported_before_anything_starts(self, up: UpProcess, broker: Broker) -> None:
        assert "accepts the login" in self.doctor(up)
        for url, reason in (
            (broker.url.replace("ours", "theirs"), REFUSALS[broker.name]),
            (f"{broker.url.rpartition(':')[0]}:1", "on port 1 cannot be reached"),
            (broker.url.replace("://", "x://"), f"PIZZASHOP_BROKER_URL is no address of {broker.name}"),
        ):
            up.env["PIZZASHOP_BROKER_URL"] = url
            up.start()
            assert up.end() in (1, 2)
            assert reason in up.output
            assert "theirs" not in up.output
            assert not (up.state_dir / "logs").exists()
            if "PIZZASHOP_BROKER_URL" not in reason:
                assert reason in self.doctor(up)

    def test_a_broker_that_is_away_closes_no_shop(self, up: UpProcess, broker: Broker, client: ShopClient) -> None:
        up.start()
        up.read_until(OPEN)
        commands = [" ".join(each.cmdline()) for each in up.descendants]
        assert [command for command in commands if PASSWORD in command or broker.url in command] == []
        broker.kill()
        up.read_until("cannot be reached: orders wait until it is back")
        up.find("--app-id=pizza-kitchen").kill()
        order_id = client.place_order("away")
        # Longer than a sidecar would be restarted in vain.
        _wait_out()
        running = [" ".join(each.cmdline()) for each in descendants(up.child.pid)]
        assert [command for command in running if "--app-id=pizza-kitchen" in command] == []
        broker.start()
        up.read_until("the sidecar of pizza-kitchen had ended: started again")
        client.wait_for_status(order_id, "pending_validation", seconds=60)
        assert up.end(2) == 0
        logs = "".join(path.read_text(errors="replace") for path in (up.state_dir / "logs").iterdir())
        assert PASSWORD not in logs
        assert broker.url not in logs

    def test_no_redis_runs_where_neither_store_nor_broker_is_one(self, up: UpProcess, client: ShopClient) -> None:
        up.start("--store", "postgresql")
        up.read_until(OPEN)
        assert [each.name() for each in up.descendants if "valkey" in each.name()] == []
        order_id = client.place_order("postgresql")
        client.wait_for_status(order_id, "pending_validation")
        _finish(client, [order_id])
        assert up.end(2) == 0


def test_rabbitmq_is_reached_by_tls_where_its_authority_is_known(
    project: Project, dapr: Dapr, client: ShopClient, tmp_path: Path
) -> None:
    if why := RabbitMQ.why_missing():
        pytest.skip(why)
    assert dapr, "Dapr is built before a test waits for it"
    files = Certificates.create(tmp_path / "tls")
    root = tmp_path / "project"
    shutil.copytree(project.resources, root / "resources")
    shutil.copy(project.run_file, root)
    with RabbitMQ.running(tmp_path / "data", files) as broker:
        up = UpProcess(Project.read(root / "dapr.yaml"), tmp_path / "state")
        up.env |= {"PIZZASHOP_BROKER": broker.name, "PIZZASHOP_BROKER_URL": broker.url}
        try:
            up.start()
            assert up.end() == 1
            assert "its certificate is not valid here: " in up.output
            path = root / "resources/rabbitmq/pubsub.yaml"
            component = yaml.safe_load(path.read_text())
            component["spec"]["metadata"].append({"name": "caCert", "value": files.authority.read_text()})
            path.write_text(yaml.safe_dump(component))
            up.start()
            up.read_until(OPEN)
            order_id = client.place_order("tls")
            client.decide(order_id, approved=True)
            client.wait_for_status(order_id, "delivered")
            assert up.end(2) == 0
        finally:
            up.kill()
