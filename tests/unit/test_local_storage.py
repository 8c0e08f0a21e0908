"""What `doctor` says of the store, and that `up` refuses for the same reasons, in the same words."""

import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from own_valkey import client, own_valkey

from pizzashop.errors import LocalError
from pizzashop.local import storage
from pizzashop.local.findings import Finding
from pizzashop.local.processes import Shutdown
from pizzashop.local.project import Project
from pizzashop.local.redis import Connection

ROOT = Path(__file__).parents[2]
Named = Callable[..., Project]


@pytest.fixture
def named(tmp_path: Path) -> Named:
    """The project, with components that name a server on this port."""

    def made(port: int, password: str = "", component: str = "*") -> Project:
        root = tmp_path / "project"
        shutil.copytree(ROOT / "resources", root / "resources")
        shutil.copy(ROOT / "dapr.yaml", root)
        for path in root.glob(f"resources/{component}.yaml"):
            text = path.read_text().replace("localhost:6379", f"localhost:{port}")
            path.write_text(text.replace('value: ""', f'value: "{password}"'))
        return Project.read(root / "dapr.yaml")

    return made


def redis(project: Project, tmp_path: Path) -> list[Finding]:
    return [each for each in storage.findings(project, tmp_path) if each.part == "Redis"]


def refused(project: Project, tmp_path: Path) -> str:
    with pytest.raises(LocalError) as error:
        storage.require_storage(project, tmp_path, Shutdown())
    return str(error.value)


def test_a_server_that_can_be_used(named: Named, tmp_path: Path) -> None:
    with own_valkey(tmp_path / "own", appendonly="yes", requirepass="s3cret") as port:
        project = named(port, "s3cret")
        (found,) = redis(project, tmp_path)
        assert (found.state, f"runs, port {port}, every write" in found.found) == ("ok", True)
        assert storage.require_storage(project, tmp_path, Shutdown()) == [Connection(port=port, password="s3cret")]


def test_one_that_loses_orders_opens_with_a_note(named: Named, tmp_path: Path) -> None:
    with own_valkey(tmp_path / "own") as port:
        project = named(port)
        assert [each.state for each in redis(project, tmp_path)] == ["ok", "note"]
        assert storage.require_storage(project, tmp_path, Shutdown())


def test_the_reason_to_refuse_is_the_same_in_both(named: Named, tmp_path: Path) -> None:
    with own_valkey(tmp_path / "own", requirepass="s3cret") as port:
        project = named(port)
        (found,) = redis(project, tmp_path)
        assert (found.state, "wants a password" in found.found) == ("wrong", True)
        assert refused(project, tmp_path) == f"{found.found}: {found.mend}."


def test_each_component_is_looked_at(named: Named, tmp_path: Path) -> None:
    with own_valkey(tmp_path / "own", appendonly="yes", requirepass="s3cret") as port:
        project = named(port, "s3cret", component="statestore")
        pubsub = project.resources / "pubsub.yaml"
        pubsub.write_text(pubsub.read_text().replace("localhost:6379", f"localhost:{port}"))
        assert [each.state for each in redis(project, tmp_path)] == ["ok", "wrong"]


def test_a_server_that_is_named_and_away_is_not_replaced(named: Named, tmp_path: Path) -> None:
    (found,) = redis(named(1), tmp_path)
    assert (found.state, "nothing listens on port 1" in found.found) == ("wrong", True)


def test_what_does_not_speak_redis_is_named(named: Named, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        (found,) = redis(named(server.getsockname()[1]), tmp_path)
    assert (found.state, "does not speak Redis" in found.found) == ("wrong", True)


def test_a_change_while_the_shop_is_open_is_said_once(tmp_path: Path) -> None:
    with own_valkey(tmp_path / "own", appendonly="yes") as port, client(port) as admin:
        watch = storage.Watch([Connection(port=port)], tmp_path)
        assert list(watch.look()) == []
        admin.config_set("maxmemory", 1)
        (said,) = watch.look()
        assert "out of memory and takes no writes. Orders wait" in said
        assert list(watch.look()) == []
        admin.config_set("maxmemory", 0)
        (said,) = watch.look()
        assert "takes writes again" in said


def test_a_login_from_a_secret_store_is_left_to_the_sidecar(named: Named, tmp_path: Path) -> None:
    with own_valkey(tmp_path / "own", requirepass="s3cret") as port:
        project = named(port)
        for path in project.resources.glob("*.yaml"):
            secret = "secretKeyRef: {name: redis, key: password}"
            path.write_text(path.read_text().replace('value: ""', secret))
        assert [each.state for each in redis(project, tmp_path)] == ["note"]
        needed = storage.require_storage(project, tmp_path, Shutdown())
        assert list(storage.Watch(needed, tmp_path).look()) == []
        assert list(storage.forget_torn(needed)) == []
