"""How the components name a Redis, and what `doctor` and `up` find out about a real server."""

import socketserver
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from own_sentinel import PRIMARY, ReplicatedValkey
from own_valkey import client, own_valkey
from running_server import running
from shop_client import eventually

from pizzashop.local import redis
from pizzashop.local.project import Project
from pizzashop.local.redis import EMBEDDED, Connection, Redis, connections

ROOT = Path(__file__).parents[2]


def inspect(port: int, **login: str) -> Redis:
    found = redis.inspect_server(Connection(port=port, **login))  # type: ignore[arg-type]
    assert found
    return found


def fault(server: Redis) -> str:
    assert server.fault
    return f"{server.fault.text} → {server.fault.remedy}"


def warnings(server: Redis) -> list[str]:
    assert server.fault is None
    return [f"{each.text} → {each.remedy}" for each in server.warnings]


@pytest.mark.parametrize(
    ("settings", "persistence", "loss"),
    [
        ({"appendonly": "yes", "appendfsync": "always"}, "before it is answered", None),
        ({"appendonly": "yes", "appendfsync": "everysec"}, "within a second", None),
        ({"appendonly": "yes", "appendfsync": "no"}, "when the system likes", "some 30 seconds of orders"),
        (
            {"save": "3600|1|300|100"},
            "snapshots alone",
            "(save 3600 1 300 100): a crash loses up to 60 minutes of orders",
        ),
        ({"save": "60|10"}, "snapshots alone", "up to 60 s of orders"),
        ({}, "nothing on disk", "all orders are gone when it stops"),
    ],
)
def test_the_persistence_of_a_server_is_named(
    tmp_path: Path, settings: dict[str, str], persistence: str, loss: str | None
) -> None:
    with own_valkey(tmp_path, **settings) as port:
        found = inspect(port)
        assert found.title.startswith("Valkey ")
        assert persistence in found.persistence
        assert [loss in each for each in warnings(found)] == ([True] if loss else [])
        assert redis.is_ready(Connection(port=port))


def test_a_password_is_required_and_used(tmp_path: Path) -> None:
    with own_valkey(tmp_path, appendonly="yes", requirepass="s3cret") as port:
        assert "it requires a password → set redisPassword" in fault(inspect(port))
        assert "it refuses the password of the components" in fault(inspect(port, password="other"))
        assert warnings(inspect(port, password="s3cret")) == []
        assert "s3cret" not in str(inspect(port, password="s3cret"))


def test_a_user_without_the_right_to_write_is_a_fault(tmp_path: Path) -> None:
    with own_valkey(tmp_path, appendonly="yes") as port:
        with client(port) as admin:
            admin.execute_command("ACL", "SETUSER", "reader", "on", ">s3cret", "~*", "+@read", "+info")
            admin.execute_command("ACL", "SETUSER", "shop", "on", ">s3cret", "~*", "&*", "+@all", "-config")
        refused = inspect(port, username="reader", password="s3cret")
        assert "its user may not do what the shop does" in fault(refused)
        assert "acl setuser reader" in fault(refused)
        hides = inspect(port, username="shop", password="s3cret")
        assert (hides.persistence, warnings(hides)) == ("every write appended to a file", [])


def test_a_server_with_too_many_clients_is_a_fault(tmp_path: Path) -> None:
    with own_valkey(tmp_path, appendonly="yes", maxclients="3") as port, ExitStack() as stack:
        assert "it takes 3 clients (maxclients) and has 1" in warnings(inspect(port))[0]
        for _ in range(3):
            stack.enter_context(client(port)).ping()
        assert "as many clients as it takes (maxclients)" in fault(inspect(port))


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu", "allkeys-random"])
def test_a_server_that_evicts_orders_is_a_warning(tmp_path: Path, policy: str) -> None:
    with own_valkey(tmp_path, appendonly="yes", maxmemory="100mb", maxmemory_policy=policy) as port:
        (warning,) = warnings(inspect(port))
        assert f"{policy}: beyond 100 MiB it evicts keys, accepted orders among them" in warning
        assert "config set maxmemory-policy noeviction" in warning


def test_without_a_memory_limit_no_eviction_policy_is_a_warning(tmp_path: Path) -> None:
    with own_valkey(tmp_path, appendonly="yes", maxmemory="0", maxmemory_policy="allkeys-lru") as port:
        assert warnings(inspect(port)) == []


@pytest.mark.parametrize("policy", ["noeviction", "volatile-lru"])
def test_a_server_out_of_memory_is_a_fault_and_one_nearly_so_is_a_warning(tmp_path: Path, policy: str) -> None:
    with own_valkey(tmp_path, appendonly="yes", maxmemory="1", maxmemory_policy=policy) as port:
        assert "out of memory and takes no writes" in fault(inspect(port))
        assert "config set maxmemory" in fault(inspect(port))
        assert not redis.is_ready(Connection(port=port))
        with client(port) as admin:
            admin.config_set("maxmemory", int(admin.info("memory")["used_memory"] * 1.1))
        assert "beyond that orders are refused, and wait" in warnings(inspect(port))[0]


def test_a_server_that_takes_no_writes_is_a_fault_with_the_reason(tmp_path: Path) -> None:
    with own_valkey(tmp_path, appendonly="yes", min_replicas_to_write="1") as port:
        assert "it takes no writes while too few replicas keep up" in fault(inspect(port))
        with client(port) as admin:
            admin.replicaof("127.0.0.1", "1")
        assert "it is a replica" in fault(inspect(port))


def test_inspecting_a_server_writes_nothing(tmp_path: Path) -> None:
    with own_valkey(tmp_path, appendonly="yes") as port:
        inspect(port)
        with client(port) as admin:
            assert admin.dbsize() == 0


LOADING = b"-LOADING Valkey is loading the dataset in memory\r\n"


@contextmanager
def _server(info: bytes) -> Iterator[int]:
    """Run a server that reports this about itself, and still loads; yield its port."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                words = []
                for _ in range(int(line[1:])):
                    words.append(self.rfile.read(int(self.rfile.readline()[1:]) + 2).strip().upper())
                known = {b"INFO": b"$%d\r\n%s\r\n" % (len(info), info), b"CLIENT": b"+OK\r\n"}
                self.wfile.write(known.get(words[0], LOADING))

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with running(server):
        yield server.server_address[1]


def test_a_server_that_still_loads_its_data_is_not_ready() -> None:
    with _server(b"# Server\r\nvalkey_version:9.1.2\r\nloading:1\r\n") as port:
        assert inspect(port).is_loading
        assert not redis.is_ready(Connection(port=port))


def test_where_nothing_listens_there_is_no_server() -> None:
    assert redis.inspect_server(Connection(port=1)) is None


def sentinel_component(**metadata: str) -> dict[str, Any]:
    return component(*({"name": name, "value": value} for name, value in metadata.items()))


def component(*metadata: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "pizzastatestore"}, "spec": {"type": "state.redis", "metadata": list(metadata)}}


def connection(**values: Any) -> Connection:
    return Connection.from_component(component(*({"name": name, "value": value} for name, value in values.items())))


def test_the_components_as_shipped_name_the_embedded_server() -> None:
    assert connections(Project.read(ROOT / "dapr.yaml")) == [EMBEDDED]
    assert EMBEDDED.is_embedded
    assert connection(redisHost="localhost:6379", redisDB="3").is_embedded
    assert not connection(redisHost="localhost:6380").is_embedded


@pytest.mark.parametrize(
    ("values", "host", "port"),
    [
        ({"redisHost": "localhost:6379"}, "127.0.0.1", 6379),
        ({"redisHost": "10.1.2.3:6380"}, "10.1.2.3", 6380),
        ({"redisHost": "[::1]:6380"}, "127.0.0.1", 6380),
        ({"redisHost": "redis.example", "redisPort": 6390}, "redis.example", 6390),
        ({"redisHost": "redis.example"}, "redis.example", 6379),
        ({}, "127.0.0.1", 6379),
    ],
)
def test_the_address_is_read_as_dapr_does(values: dict[str, Any], host: str, port: int) -> None:
    found = connection(**values)
    assert (found.host, found.port) == (host, port)


def test_a_component_with_a_login_does_not_name_the_embedded_server() -> None:
    found = connection(
        redisHost="localhost:6379", redisPassword="s3cret", redisUsername="shop", redisDB="3", enableTLS="true"
    )
    assert (found.password, found.username, found.database, found.tls) == ("s3cret", "shop", 3, True)
    assert not found.is_embedded
    assert "s3cret" not in repr(found)


def test_a_password_may_come_from_the_environment_or_a_secret_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_REDIS_PASSWORD", "s3cret")
    assert (
        Connection.from_component(component({"name": "redisPassword", "envRef": "OUR_REDIS_PASSWORD"})).password
        == "s3cret"
    )
    secret = Connection.from_component(
        component({"name": "redisPassword", "secretKeyRef": {"name": "redis", "key": "password"}})
    )
    assert secret.has_secret
    assert not secret.is_embedded


def test_sentinels_lead_to_the_primary(tmp_path: Path) -> None:
    with ReplicatedValkey(tmp_path).running() as servers:
        metadata = {"redisHost": servers.sentinel_addresses, "failover": "true", "sentinelMasterName": PRIMARY}
        connection = Connection.from_component(sentinel_component(**metadata))
        assert (connection.is_embedded, connection.is_reachable()) == (False, True)
        found = redis.inspect_server(connection)
        assert found
        assert ["min-replicas-to-write 0" in each for each in warnings(found)] == [True]
        servers.ask(servers.primary, "CONFIG", "SET", "min-replicas-to-write", 1)
        found = redis.inspect_server(connection)
        assert found
        assert warnings(found) == []
        servers.kill(servers.replica)
        eventually(lambda: "too few replicas keep up" in str(redis.inspect_server(connection)))
        unknown = Connection.from_component(sentinel_component(**{**metadata, "sentinelMasterName": "another"}))
        assert (unknown.is_reachable(), redis.inspect_server(unknown)) == (False, None)


def test_sentinels_need_the_name_of_the_primary() -> None:
    with pytest.raises(ValueError, match="failover without sentinelMasterName"):
        Connection.from_component(sentinel_component(redisHost="sentinel.example:26379", failover="true"))
