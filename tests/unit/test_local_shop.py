"""The open shop: only one at a time, what a killed one has left is ended, and no process inherits NAMESPACE."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from local_children import PARENT, STUBBORN, Children

from pizzashop.errors import LocalError
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.processes import has_ended, process_trees
from pizzashop.local.project import Project
from pizzashop.local.shop import PidFile, Shop
from pizzashop.local.shutdown import Shutdown, wait_until


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    made = Children(tmp_path)
    yield made
    made.stop()


def test_only_one_shop_is_open_at_a_time(tmp_path: Path) -> None:
    with (
        PidFile(tmp_path).locked(),
        pytest.raises(LocalError, match=rf"already open \(pid {os.getpid()}\)"),
        PidFile(tmp_path).locked(),
    ):
        pass
    with PidFile(tmp_path).locked():
        assert (tmp_path / "open.lock").read_text() == str(os.getpid())


def test_a_state_directory_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match="cannot be written"), PidFile(tmp_path / "file" / "state").locked():
        pass


def test_what_a_killed_shop_has_left_is_ended(children: Children, tmp_path: Path) -> None:
    process = children.start(PARENT)
    left: list[psutil.Process] = process_trees([process.pid])
    PidFile(tmp_path).write(left)
    assert PidFile(tmp_path).end_leftovers(Shutdown()) == len(left)
    assert process.has_ended
    assert all(has_ended(each) for each in left)
    assert PidFile(tmp_path).end_leftovers(Shutdown()) is None


def test_another_process_with_the_same_pid_is_left_alone(children: Children, tmp_path: Path) -> None:
    process = children.start(STUBBORN)
    pid_file = PidFile(tmp_path)
    pid_file.path.write_text(f"[[{process.pid}, 1.0]]")
    assert pid_file.end_leftovers(Shutdown()) == 0
    assert process.is_running


def test_no_process_of_the_shop_inherits_a_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMESPACE", "staging")
    dapr = Dapr(Path("daprd"), Path("placement"), Path("scheduler"), "1.18.3", "built")
    processes = list(Shop(tmp_path, Project.find(), dapr))
    assert len(processes) == 13
    assert [each.name for each in processes if not each.env or "NAMESPACE" in each.env] == []


def test_a_sidecar_starts_again_once_the_servers_that_it_needs_are_there(tmp_path: Path) -> None:
    are_there = False
    ends_at_once = Path("/bin/false")
    dapr = Dapr(ends_at_once, ends_at_once, ends_at_once, "1.18.3", "built")
    shop = Shop(tmp_path, Project.find(), dapr, can_run_sidecars=lambda: are_there)
    sidecar = shop["sidecar-kitchen"]
    sidecar.start()
    wait_until(lambda: sidecar.has_ended, "the sidecar")
    assert [list(shop.restart_ended()) for _ in range(9)] == [[]] * 9
    are_there = True
    assert list(shop.restart_ended()) == [sidecar]
    sidecar.kill()
