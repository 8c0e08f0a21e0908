"""What `doctor` and `up` find out about a Redis of one's own, and say to do about it: asked of a real server."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from own_valkey import client, own_valkey

from pizzashop.local import redis
from pizzashop.local.redis import Connection, Redis


def about(port: int, **login: str) -> Redis:
    found = redis.inspect_server(Connection(port=port, **login))  # type: ignore[arg-type]
    assert found
    return found


def fault(found: Redis) -> str:
    assert found.fault
    return f"{found.fault.text} → {found.fault.mend}"


def notes(found: Redis) -> list[str]:
    assert found.fault is None
    return [f"{each.text} → {each.mend}" for each in found.notes]


@pytest.mark.parametrize(
    ("settings", "keeps", "lost"),
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
def test_how_a_server_keeps_orders_is_said_as_it_is(
    tmp_path: Path, settings: dict[str, str], keeps: str, lost: str | None
) -> None:
    with own_valkey(tmp_path, **settings) as port:
        found = about(port)
        assert found.title.startswith("Valkey ")
        assert keeps in found.keeps
        assert [lost in each for each in notes(found)] == ([True] if lost else [])
        assert redis.ready(Connection(port=port))


def test_a_password_is_asked_for_and_used(tmp_path: Path) -> None:
    with own_valkey(tmp_path, appendonly="yes", requirepass="s3cret") as port:
        assert "it wants a password → set redisPassword" in fault(about(port))
        assert "it refuses the password of the components" in fault(about(port, password="other"))
        assert notes(about(port, password="s3cret")) == []
        assert "s3cret" not in str(about(port, password="s3cret"))


def test_a_user_who_may_not_write_is_told_so(tmp_path: Path) -> None:
    with own_valkey(tmp_path, appendonly="yes") as port:
        with client(port) as admin:
            admin.execute_command("ACL", "SETUSER", "reader", "on", ">s3cret", "~*", "+@read", "+info")
            admin.execute_command("ACL", "SETUSER", "shop", "on", ">s3cret", "~*", "&*", "+@all", "-config")
        refused = about(port, username="reader", password="s3cret")
        assert "its user may not do what the shop does" in fault(refused)
        assert "acl setuser reader" in fault(refused)
        hides = about(port, username="shop", password="s3cret")
        assert (hides.keeps, notes(hides)) == ("every write appended to a file", [])


def test_a_server_with_as_many_clients_as_it_takes_says_so(tmp_path: Path) -> None:
    with own_valkey(tmp_path, appendonly="yes", maxclients="3") as port, ExitStack() as stack:
        assert "it takes 3 clients (maxclients) and has 1" in notes(about(port))[0]
        for _ in range(3):
            stack.enter_context(client(port)).ping()
        assert "as many clients as it takes (maxclients)" in fault(about(port))


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu", "allkeys-random"])
def test_a_server_that_throws_orders_away_is_told_of(tmp_path: Path, policy: str) -> None:
    with own_valkey(tmp_path, appendonly="yes", maxmemory="100mb", maxmemory_policy=policy) as port:
        (note,) = notes(about(port))
        assert f"{policy}: beyond 100 MiB it throws keys away, accepted orders among them" in note
        assert "config set maxmemory-policy noeviction" in note


def test_without_a_limit_nothing_is_thrown_away(tmp_path: Path) -> None:
    with own_valkey(tmp_path, appendonly="yes", maxmemory="0", maxmemory_policy="allkeys-lru") as port:
        assert notes(about(port)) == []


@pytest.mark.parametrize("policy", ["noeviction", "volatile-lru"])
def test_a_server_out_of_memory_cannot_be_used_and_one_nearly_so_is_told_of(tmp_path: Path, policy: str) -> None:
    with own_valkey(tmp_path, appendonly="yes", maxmemory="1", maxmemory_policy=policy) as port:
        assert "out of memory and takes no writes" in fault(about(port))
        assert "config set maxmemory" in fault(about(port))
        assert not redis.ready(Connection(port=port))
        with client(port) as admin:
            admin.config_set("maxmemory", int(admin.info("memory")["used_memory"] * 1.1))
        assert "beyond that orders are refused, and wait" in notes(about(port))[0]


def test_a_server_that_takes_no_writes_gives_the_reason(tmp_path: Path) -> None:
    with own_valkey(tmp_path, appendonly="yes", min_replicas_to_write="1") as port:
        assert "it refuses a write: NOREPLICAS" in fault(about(port))
        with client(port) as admin:
            admin.replicaof("127.0.0.1", "1")
        assert "it is a replica" in fault(about(port))


def test_looking_at_a_server_writes_nothing(tmp_path: Path) -> None:
    with own_valkey(tmp_path, appendonly="yes") as port:
        about(port)
        with client(port) as admin:
            assert admin.dbsize() == 0


LOADING = b"-LOADING Valkey is loading the dataset in memory\r\n"


@contextmanager
def _server(info: bytes) -> Iterator[int]:
    """A server that tells this about itself, and still loads; its port."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                words = []
                for _ in range(int(line[1:])):
                    words.append(self.rfile.read(int(self.rfile.readline()[1:]) + 2).strip().upper())
                known = {b"INFO": b"$%d\r\n%s\r\n" % (len(info), info), b"CLIENT": b"+OK\r\n"}
                self.wfile.write(known.get(words[0], LOADING))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_a_server_that_still_loads_its_data_is_not_ready() -> None:
    with _server(b"# Server\r\nvalkey_version:9.1.2\r\nloading:1\r\n") as port:
        assert about(port).loading
        assert not redis.ready(Connection(port=port))


def test_where_nothing_listens_there_is_none() -> None:
    assert redis.inspect_server(Connection(port=1)) is None
