"""The checks of Redis: `doctor` reports them, and `up` refuses to open for the same reasons."""

import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from own_valkey import client, own_valkey

from pizzashop.errors import LocalError
from pizzashop.local.findings import Finding
from pizzashop.local.project import Project
from pizzashop.local.redis import Connection
from pizzashop.local.servers import ServerMonitor, Servers
from pizzashop.local.shutdown import Shutdown
from pizzashop.settings import Settings

ROOT = Path(__file__).parents[2]
NewProject = Callable[..., Project]


@pytest.fixture
def new_project(tmp_path: Path) -> NewProject:
    """Make copies of the project with components that name a server on this port."""

    def made(port: int, password: str = "", component: str = "*") -> Project:
        root = tmp_path / "project"
        shutil.copytree(ROOT / "resources", root / "resources")
        shutil.copy(ROOT / "dapr.yaml", root)
        for path in root.glob(f"resources/{component}.yaml"):
            text = path.read_text().replace("localhost:6379", f"localhost:{port}")
            path.write_text(text.replace('value: ""', f'value: "{password}"'))
        return Project.read(root / "dapr.yaml")

    return made


def find_servers(project: Project, tmp_path: Path) -> Servers:
    return Servers.find(project, tmp_path, Settings())


def check_redis(project: Project, tmp_path: Path) -> list[Finding]:
    return list(find_servers(project, tmp_path).check(tmp_path))


def refusal(project: Project, tmp_path: Path) -> str:
    with pytest.raises(LocalError) as error:
        find_servers(project, tmp_path).require(tmp_path, Shutdown())
    return str(error.value)


def test_a_usable_server_is_ok(new_project: NewProject, tmp_path: Path) -> None:
    with own_valkey(tmp_path / "own", appendonly="yes", requirepass="s3cret") as port:
        project = new_project(port, "s3cret")
        (found,) = check_redis(project, tmp_path)
        assert (found.state, f"runs, port {port}, every write" in found.found) == ("ok", True)
        assert find_servers(project, tmp_path).redis_connections == (Connection(port=port, password="s3cret"),)


def test_a_server_that_may_lose_orders_is_a_note(new_project: NewProject, tmp_path: Path) -> None:
    with own_valkey(tmp_path / "own") as port:
        project = new_project(port)
        assert [each.state for each in check_redis(project, tmp_path)] == ["ok", "note"]
        find_servers(project, tmp_path).require(tmp_path, Shutdown())


def test_up_refuses_with_the_words_of_doctor(new_project: NewProject, tmp_path: Path) -> None:
    with own_valkey(tmp_path / "own", requirepass="s3cret") as port:
        project = new_project(port)
        (found,) = check_redis(project, tmp_path)
        assert (found.state, "requires a password" in found.found) == ("wrong", True)
        assert refusal(project, tmp_path) == f"{found.found}: {found.remedy}."


def test_the_server_of_each_component_is_checked(new_project: NewProject, tmp_path: Path) -> None:
    with own_valkey(tmp_path / "own", appendonly="yes", requirepass="s3cret") as port:
        project = new_project(port, "s3cret", component="statestore")
        pubsub = project.resources / "pubsub.yaml"
        pubsub.write_text(pubsub.read_text().replace("localhost:6379", f"localhost:{port}"))
        assert [each.state for each in check_redis(project, tmp_path)] == ["ok", "wrong"]


def test_the_shop_starts_no_server_in_place_of_a_missing_one(new_project: NewProject, tmp_path: Path) -> None:
    (found,) = check_redis(new_project(1), tmp_path)
    assert (found.state, "nothing listens on port 1" in found.found) == ("wrong", True)


def test_a_server_that_does_not_speak_redis_is_named(new_project: NewProject, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        (found,) = check_redis(new_project(server.getsockname()[1]), tmp_path)
    assert (found.state, "does not speak Redis" in found.found) == ("wrong", True)


def test_each_change_in_an_open_shop_is_reported_once(tmp_path: Path) -> None:
    with own_valkey(tmp_path / "own", appendonly="yes") as port, client(port) as admin:
        monitor = ServerMonitor(Servers(redis_connections=(Connection(port=port),)), tmp_path)
        assert list(monitor.changes()) == []
        admin.config_set("maxmemory", 1)
        (change,) = monitor.changes()
        assert "out of memory and takes no writes. Orders wait" in change
        assert list(monitor.changes()) == []
        admin.config_set("maxmemory", 0)
        (change,) = monitor.changes()
        assert "takes writes again" in change


def test_a_server_with_a_login_from_a_secret_store_is_not_checked(new_project: NewProject, tmp_path: Path) -> None:
    with own_valkey(tmp_path / "own", requirepass="s3cret") as port:
        project = new_project(port)
        for path in project.resources.glob("*.yaml"):
            secret = "secretKeyRef: {name: redis, key: password}"
            path.write_text(path.read_text().replace('value: ""', secret))
        assert [each.state for each in check_redis(project, tmp_path)] == ["note"]
        servers = find_servers(project, tmp_path)
        servers.require(tmp_path, Shutdown())
        assert list(ServerMonitor(servers, tmp_path).changes()) == []
        assert list(servers.delete_half_written_workflows()) == []
