"""RabbitMQ and Kafka: what PIZZASHOP_BROKER_URL means, and what the components tell the sidecars."""

import shutil
import socket
import socketserver
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from own_certificates import Certificates
from running_server import running

from pizzashop import roles
from pizzashop.errors import InvalidSettings, LocalError
from pizzashop.local.brokers import Broker, component_environment, find_broker
from pizzashop.local.ports import HOST
from pizzashop.local.project import Project, find_component
from pizzashop.local.servers import ServerMonitor, Servers
from pizzashop.local.shutdown import Shutdown
from pizzashop.settings import Settings

ROOT = Path(__file__).parents[2]
PRODUCTS = ("rabbitmq", "kafka")


def environment(broker: str, url: str = "") -> dict[str, str]:
    return component_environment(Settings.model_validate({"broker": broker, "broker_url": url}))


def chosen(broker: str, url: str = "") -> Broker:
    found = find_broker(Project.read(ROOT / "dapr.yaml").with_products([broker]), environment(broker, url))
    assert found
    return found


def component(product: str) -> dict[str, Any]:
    documents = Project.read(ROOT / "dapr.yaml").with_products([product]).documents()
    found = find_component(documents, roles.PUBSUB)
    assert found
    return found


@pytest.mark.parametrize(
    ("broker", "url", "addresses"),
    [
        ("rabbitmq", "", [("localhost", 5672)]),
        ("rabbitmq", "amqp://rabbit.example", [("rabbit.example", 5672)]),
        ("rabbitmq", "amqps://rabbit.example", [("rabbit.example", 5671)]),
        ("rabbitmq", "rabbit.example:7000", [("rabbit.example", 7000)]),
        ("rabbitmq", "amqp://[2001:db8::7]:7000", [("2001:db8::7", 7000)]),
        ("kafka", "", [("localhost", 9092)]),
        ("kafka", "one.example:7000,two.example", [("one.example", 7000), ("two.example", 9092)]),
        ("kafka", "kafka://[2001:db8::7]:7000,two.example", [("2001:db8::7", 7000), ("two.example", 9092)]),
    ],
)
def test_the_sidecars_get_the_address_of_the_broker(broker: str, url: str, addresses: list[tuple[str, int]]) -> None:
    assert list(chosen(broker, url).addresses) == addresses


@pytest.mark.parametrize("url", ["amqp://ana:pa%3Ass%2Fw%40rd@h:1/shop", "kafka://ana:pa%3Ass%2Fw%40rd@h:1"])
def test_a_password_may_have_any_characters_and_is_shown_nowhere(url: str) -> None:
    found = chosen("rabbitmq" if url.startswith("amqp") else "kafka", url)
    assert (found.username, found.password) == ("ana", "pa:ss/w@rd")
    assert "pa:ss" not in f"{found!r} {found.title}"


def test_rabbitmq_without_a_login_is_asked_as_guest_in_the_default_virtual_host() -> None:
    assert environment("rabbitmq", "amqp://h") == {"PIZZASHOP_BROKER_URL": "amqp://guest:guest@h:5672"}


def test_kafka_is_asked_without_tls_unless_the_url_says_otherwise() -> None:
    assert environment("kafka", "kafka://h")["PIZZASHOP_KAFKA_AUTH"] == "none"
    assert environment("kafka", "kafka://ana:x@h")["PIZZASHOP_KAFKA_DISABLE_TLS"] == "true"
    assert environment("kafka", "kafka+ssl://ana:x@h")["PIZZASHOP_KAFKA_DISABLE_TLS"] == "false"
    assert [chosen("kafka", f"{scheme}://ana:x@h").tls is None for scheme in ("kafka", "kafka+ssl")] == [True, False]


@pytest.mark.parametrize(
    ("broker", "url"),
    [
        ("rabbitmq", "kafka://h"),
        ("rabbitmq", "amqp://ana:s3cret%zz@h"),
        ("rabbitmq", "amqp://ana:s3cret @h"),
        ("rabbitmq", "amqp://ana:s3cret/@h"),
        ("rabbitmq", "amqp://ana:s3cret@one,two"),
        ("rabbitmq", "amqp://ana:s3cret@h:99999"),
        ("kafka", "http://ana:s3cret@h"),
        ("kafka", "kafka://ana:s3cret@"),
    ],
)
def test_a_bad_url_is_one_sentence_without_the_password(broker: str, url: str) -> None:
    with pytest.raises(InvalidSettings, match=f"^PIZZASHOP_BROKER_URL is no address of {broker}") as error:
        environment(broker, url)
    assert "s3cret" not in str(error.value)


def test_kafka_with_tls_needs_a_login() -> None:
    with pytest.raises(InvalidSettings, match="PIZZASHOP_BROKER_URL asks for TLS and has no login"):
        environment("kafka", "kafka+ssl://h")


def test_redis_is_not_a_broker_of_this_kind() -> None:
    assert environment("redis", "redis://h") == {}
    assert find_broker(Project.read(ROOT / "dapr.yaml"), {}) is None


def test_a_component_of_the_users_own_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "resources", tmp_path / "resources")
    shutil.copy(ROOT / "dapr.yaml", tmp_path)
    path = tmp_path / "resources/rabbitmq/pubsub.yaml"
    content = path.read_text()
    project = Project.read(tmp_path / "dapr.yaml").with_products(["rabbitmq"])
    path.write_text(content.replace("PIZZASHOP_BROKER_URL", "OUR_RABBIT"))
    monkeypatch.setenv("OUR_RABBIT", "amqp://ana:s3cret@ours:7000")
    found = find_broker(project, environment("rabbitmq"))
    assert found
    assert (found.title, found.username) == ("RabbitMQ on ours:7000", "ana")
    path.write_text(content.replace("envRef: PIZZASHOP_BROKER_URL", "secretKeyRef: {name: rabbit, key: url}"))
    found = find_broker(project, environment("rabbitmq"))
    assert found
    assert not found.is_checkable
    path.write_text(content.replace("envRef: PIZZASHOP_BROKER_URL", "value: amqp://ana:s3cret %@h"))
    with pytest.raises(LocalError, match="names no valid address") as error:
        find_broker(project, environment("rabbitmq"))
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_broker_that_is_not_reachable_keeps_the_shop_closed(product: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    broker = chosen(product, f"127.0.0.1:{port}")
    servers = Servers(broker=broker)
    (finding,) = servers.check(tmp_path)
    assert (finding.state, finding.found) == ("wrong", f"{broker.name} on port {port} cannot be reached")
    with pytest.raises(LocalError, match=r"cannot be reached: start it, or have PIZZASHOP_BROKER_URL name another\.$"):
        servers.require(tmp_path, Shutdown())
    assert not servers.are_reachable()


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_broker_that_goes_away_is_reported_once_and_again_when_it_is_back(product: str, tmp_path: Path) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    monitor = ServerMonitor(Servers(broker=chosen(product, f"127.0.0.1:{port}")), tmp_path)
    assert list(monitor.changes()) == []
    server.close()
    (away,) = monitor.changes()
    assert away.endswith(f" on port {port} cannot be reached: orders wait until it is back.")
    assert list(monitor.changes()) == []
    with socket.create_server(("127.0.0.1", port)):
        assert [text.partition(":")[2] for text in monitor.changes()] == [" orders go on."]


@pytest.mark.parametrize("product", PRODUCTS)
def test_each_component_is_one_that_every_role_may_publish_by(product: str) -> None:
    assert component(product)["spec"]["type"] == f"pubsub.{product}"
    assert set(component(product)["scopes"]) == roles.APP_IDS


def metadata(product: str) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in component(product)["spec"]["metadata"]}


def test_rabbitmq_keeps_events_while_nobody_listens_and_through_a_restart() -> None:
    found = metadata("rabbitmq")
    assert (found["durable"], found["deliveryMode"], found["publisherConfirm"]) == ("true", "2", "true")
    assert (found["deletedWhenUnused"], found["requeueInFailure"]) == ("false", "true")
    assert int(found["maxLen"]) > 0


def test_a_bulk_from_rabbitmq_can_be_full() -> None:
    # Dapr parses it as one byte.
    assert 100 <= int(metadata("rabbitmq")["prefetchCount"]) < 256


def test_kafka_gives_a_new_subscriber_all_events() -> None:
    assert metadata("kafka")["initialOffset"] == "oldest"


@contextmanager
def tls_server(files: Certificates) -> Iterator[int]:
    """Run a server that answers a handshake and nothing else, and yield its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)

    class Handshake(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                context.wrap_socket(self.request, server_side=True).close()

    server = socketserver.ThreadingTCPServer((HOST, 0), Handshake)
    with running(server):
        yield server.server_address[1]


def with_authority(tmp_path: Path, port: int, authority: Path) -> Broker:
    """Return the RabbitMQ of a component that trusts this authority."""
    content = component("rabbitmq")
    values = {"connectionString": f"amqps://guest:guest@{HOST}:{port}", "caCert": authority.read_text()}
    content["spec"]["metadata"] = [{"name": name, "value": value} for name, value in values.items()]
    (tmp_path / "pubsub.yaml").write_text(yaml.safe_dump(content))
    found = find_broker(replace(Project.read(ROOT / "dapr.yaml"), resources=tmp_path), {})
    assert found
    return found


def test_a_certificate_of_an_unknown_authority_is_a_fault(tmp_path: Path) -> None:
    files, others = Certificates.create(tmp_path / "tls"), Certificates.create(tmp_path / "others")
    with tls_server(files) as port:
        fault = with_authority(tmp_path, port, others.authority).find_fault()
        assert "its certificate is not valid here: " in str(fault)
        assert "set caCert" in str(fault)
        # The server is trusted, and is no RabbitMQ.
        assert "does not speak AMQP" in str(with_authority(tmp_path, port, files.authority).find_fault())


def test_a_server_without_tls_is_a_fault_where_the_component_has_tls(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as server:
        server.settimeout(0)
        broker = with_authority(tmp_path, server.getsockname()[1], Certificates.create(tmp_path / "tls").authority)
        assert "it does not answer by TLS: " in str(broker.find_fault())
