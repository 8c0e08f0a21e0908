"""PostgreSQL on this machine: the embedded one starts for any user, and `doctor` says what is wrong with another."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from own_postgresql import PASSWORD, embedded_postgresql, own_postgresql

from pizzashop.errors import LocalError
from pizzashop.local import postgresql
from pizzashop.local.findings import Finding
from pizzashop.local.postgresql import Connection, EmbeddedPostgresql
from pizzashop.local.project import Project
from pizzashop.local.servers import ServerMonitor, Servers
from pizzashop.local.shutdown import wait_until
from pizzashop.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def embedded(tmp_path: Path) -> EmbeddedPostgresql:
    """An embedded server whose database has been created."""
    server = embedded_postgresql(tmp_path / "postgresql")
    server.prepare()
    return server


@contextmanager
def running(server: EmbeddedPostgresql) -> Iterator["subprocess.Popen[bytes]"]:
    with (server.directory / "log").open("ab") as log:
        child = subprocess.Popen(server.command(), stdout=log, stderr=log)
        try:
            wait_until(server.is_ready, "postgresql", seconds=20)
            yield child
        finally:
            child.terminate()
            child.wait()


def check_postgresql(state_dir: Path, url: str = "") -> list[Finding]:
    project = Project.read(ROOT / "dapr.yaml").with_products(["postgresql"])
    servers = Servers.find(project, state_dir, Settings(postgres_url=url))
    return [each for each in servers.check(state_dir) if each.part == "PostgreSQL"]


def test_only_this_user_reaches_the_embedded_server(embedded: EmbeddedPostgresql) -> None:
    assert embedded.directory.stat().st_mode & 0o777 == 0o700
    assert embedded.directory.stat().st_uid == os.geteuid()
    with running(embedded):
        assert postgresql.inspect_server(Connection(embedded.url)).persistence


def test_a_killed_server_starts_again_with_its_data(embedded: EmbeddedPostgresql) -> None:
    with running(embedded) as child:
        with psycopg.connect(embedded.url, autocommit=True) as client:
            client.execute("CREATE TABLE orders AS SELECT 7 AS id")
        child.kill()
        child.wait()
    with running(embedded), psycopg.connect(embedded.url) as client:
        assert client.execute("SELECT id FROM orders").fetchone() == (7,)


def test_the_lock_of_a_killed_server_is_removed_when_another_program_has_its_pid(embedded: EmbeddedPostgresql) -> None:
    lock = embedded.directory / "data/postmaster.pid"
    lock.write_text(f"{os.getpid()}\n")
    embedded.prepare()
    assert not lock.exists()


def test_a_database_that_was_created_only_in_part_is_created_again(tmp_path: Path) -> None:
    server = embedded_postgresql(tmp_path / "postgresql")
    (server.directory / "data.new").mkdir(parents=True)
    (server.directory / "data.new/PG_VERSION").write_text("18")
    server.prepare()
    with running(server):
        assert server.is_ready()


def test_data_of_a_version_that_this_machine_lacks_is_one_sentence(embedded: EmbeddedPostgresql) -> None:
    (embedded.directory / "data/PG_VERSION").write_text("9.6")
    with pytest.raises(LocalError, match=r"is of PostgreSQL 9\.6, and this machine has"):
        embedded.require_startable()


def test_a_path_that_is_too_long_for_a_socket_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="set PIZZASHOP_STATE_DIR to one that is"):
        EmbeddedPostgresql(tmp_path / ("x" * 100)).require_startable()


def test_the_embedded_server_is_named_before_it_starts(tmp_path: Path) -> None:
    embedded_postgresql(tmp_path / "postgresql")
    (found,) = check_postgresql(tmp_path)
    assert (found.state, "starts with the shop" in found.found) == ("ok", True)


def test_a_server_of_the_user_is_checked(tmp_path: Path) -> None:
    with own_postgresql(tmp_path / "own", fsync="off", max_connections="7") as url:
        usable, *notes = check_postgresql(tmp_path, url)
        assert (usable.state, "runs, 127.0.0.1:" in usable.found) == ("ok", True)
        assert [each.found.partition(" is off")[0].partition(":")[0] for each in notes] == [
            "fsync",
            "it takes 7 connections",
        ]
        (refused,) = check_postgresql(tmp_path, url.replace(PASSWORD, "another-password"))
        assert (refused.state, "password authentication failed" in refused.found) == ("wrong", True)
        assert "another-password" not in refused.found
        with psycopg.connect(url, autocommit=True) as client:
            client.execute("ALTER ROLE shop SET default_transaction_read_only = on")
        (read_only,) = check_postgresql(tmp_path, url)
        assert (read_only.state, "takes no writes" in read_only.found) == ("wrong", True)


def test_a_server_that_is_too_old_is_refused() -> None:
    old = SimpleNamespace(info=SimpleNamespace(server_version=120019))
    fault = postgresql._inspect(old).fault  # type: ignore[arg-type]
    assert fault is not None
    assert "needs 13 or newer" in fault.text


def test_each_change_in_an_open_shop_is_reported_once(embedded: EmbeddedPostgresql, tmp_path: Path) -> None:
    monitor = ServerMonitor(Servers(postgresql_connection=Connection(embedded.url)), tmp_path)
    (change,) = monitor.changes()
    assert "Orders wait until that is repaired" in change
    assert list(monitor.changes()) == []
    with running(embedded):
        (change,) = monitor.changes()
        assert "can be used again: orders go on" in change
        assert list(monitor.changes()) == []
