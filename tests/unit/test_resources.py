"""The one list of roles, held against `dapr.yaml` and `resources/`."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pizzashop import roles
from pizzashop.local import doctor
from pizzashop.local.postgresql import URL_VARIABLE
from pizzashop.local.programs import SERVICE_PORTS
from pizzashop.local.project import Project

ROOT = Path(__file__).parents[2]
APP_IDS = [role.app_id for role in roles.ROLES]


def read(path: str) -> dict[str, Any]:
    content = yaml.safe_load((ROOT / path).read_text())
    assert isinstance(content, dict)
    return content


@pytest.fixture
def project() -> Project:
    return Project.read(ROOT / "dapr.yaml")


def metadata(path: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in read(path)["spec"]["metadata"]}


def test_the_run_file_runs_each_role_on_its_ports(project: Project) -> None:
    for role, app in zip(roles.ROLES, project.apps, strict=True):
        assert app.app_id == role.app_id
        assert app.command == ("pizzashop", "serve", "--role", role.name)
        assert app.ports["appPort"] == role.port
        assert app.ports["daprHTTPPort"] == role.dapr_http_port
        assert app.ports["daprGRPCPort"] == role.dapr_grpc_port


def test_no_port_is_used_twice(project: Project) -> None:
    every = [*project.ports, *(port for each in SERVICE_PORTS.values() for port in each)]
    assert len(every) == len(set(every))


def test_sidecars_listen_on_loopback() -> None:
    assert read("dapr.yaml")["common"]["apiListenAddresses"] == "127.0.0.1"


def test_sidecars_find_one_another_where_the_run_file_has_them() -> None:
    resolution = read("resources/config/local.yaml")["spec"]["nameResolution"]
    assert resolution["component"] == "kubernetes"
    apps = read("dapr.yaml")["apps"]
    found = re.findall(r'eq \.ID "([\w-]+)" }}(\d+){{', resolution["configuration"]["template"])
    assert {app_id: int(port) for app_id, port in found} == {app["appID"]: app["daprInternalGRPCPort"] for app in apps}
    assert resolution["configuration"]["template"].startswith("127.0.0.1:")
    assert "nameResolution" not in read("resources/config/mdns.yaml")["spec"]


def test_the_state_store_keeps_actors() -> None:
    store = read("resources/statestore.yaml")
    assert store["metadata"]["name"] == roles.STATE_STORE
    assert store["spec"]["type"] == "state.redis"
    assert store["scopes"] == ["pizza-workflow", "pizza-order"]
    assert metadata("resources/statestore.yaml") == {
        "redisHost": "localhost:6379",
        "redisPassword": "",
        "actorStateStore": "true",
    }


def test_postgresql_takes_the_place_of_the_state_store() -> None:
    store, default = read("resources/postgresql/statestore.yaml"), read("resources/statestore.yaml")
    assert (store["metadata"], store["scopes"]) == (default["metadata"], default["scopes"])
    assert (store["spec"]["type"], store["spec"]["version"]) == ("state.postgresql", "v2")
    assert store["spec"]["metadata"] == [
        {"name": "connectionString", "envRef": URL_VARIABLE},
        {"name": "actorStateStore", "value": "true"},
    ]


def test_every_role_publishes() -> None:
    pubsub = read("resources/pubsub.yaml")
    assert pubsub["metadata"]["name"] == roles.PUBSUB
    assert pubsub["spec"]["type"] == "pubsub.redis"
    assert sorted(pubsub["scopes"]) == sorted(APP_IDS)


def test_a_bulk_of_events_can_be_full() -> None:
    # Each of pub/sub's workers holds one event of a bulk until the bulk is answered.
    bulk = read("resources/subscription.yaml")["spec"]["bulkSubscribe"]
    assert bulk == {"enabled": True, "maxMessagesCount": 100, "maxAwaitDurationMs": 200}
    assert int(metadata("resources/pubsub.yaml")["concurrency"]) >= bulk["maxMessagesCount"]


def test_an_event_that_was_not_taken_in_comes_again_within_seconds_and_for_ever() -> None:
    pubsub, subscription = metadata("resources/pubsub.yaml"), read("resources/subscription.yaml")
    pauses = [pubsub[name] for name in ("processingTimeout", "redeliverInterval")]
    assert all(re.fullmatch(r"[1-9]\d*s", pause) for pause in pauses)
    assert sum(int(pause.removesuffix("s")) for pause in pauses) <= 10
    assert "deadLetterTopic" not in subscription["spec"]
    policy = read("resources/resiliency.yaml")
    assert policy["scopes"] == [roles.ORDER.app_id]
    assert policy["spec"]["policies"]["retries"] == {
        "untilTakenIn": {"policy": "constant", "duration": "1s", "maxRetries": -1}
    }
    assert policy["spec"]["targets"]["components"] == {roles.PUBSUB: {"inbound": {"retry": "untilTakenIn"}}}


def test_the_role_reads_the_bytes_of_events_itself() -> None:
    assert read("resources/subscription.yaml")["spec"]["metadata"] == {"rawPayload": "true"}


def test_the_topic_does_not_grow_for_ever() -> None:
    assert int(metadata("resources/pubsub.yaml")["maxLenApprox"]) > 0


def test_only_the_order_role_subscribes() -> None:
    subscription = read("resources/subscription.yaml")
    assert subscription["apiVersion"] == "dapr.io/v2alpha1"
    assert subscription["spec"]["pubsubname"] == roles.PUBSUB
    assert subscription["spec"]["topic"] == roles.TOPIC
    assert subscription["spec"]["routes"] == {"default": "/orders-sub"}
    assert subscription["scopes"] == [roles.ORDER.app_id]


def test_finished_workflows_go_when_the_shop_says_so() -> None:
    for path in (ROOT / "resources" / "config").glob("*.yaml"):
        assert "workflow" not in yaml.safe_load(path.read_text())["spec"]


def test_consul_and_zipkin_are_there_for_who_wants_them(project: Project) -> None:
    spec = read("resources/config/config.yaml")["spec"]
    assert spec["nameResolution"]["component"] == "consul"
    assert spec["tracing"]["zipkin"]["endpointAddress"] == "http://localhost:9411/api/v2/spans"
    assert project.config.name == "local.yaml"


def test_doctor_finds_nothing_wrong_with_them(project: Project) -> None:
    assert {each.part: each.state for each in doctor.check_files(project)} == {
        "Run file": "ok",
        "State store": "ok",
        "Pub/sub": "ok",
        "Subscription": "ok",
        "Resiliency": "ok",
    }
