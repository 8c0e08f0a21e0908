"""The register of the open shop: one at a time, and what a killed one left is ended."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from local_children import PARENT, STUBBORN, Children

from pizzashop.errors import LocalError
from pizzashop.local import processes
from pizzashop.local.processes import Shutdown
from pizzashop.local.shop import Register


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    made = Children(tmp_path)
    yield made
    made.stop()


def test_the_shop_is_open_once(tmp_path: Path) -> None:
    with (
        Register(tmp_path).held(),
        pytest.raises(LocalError, match=rf"already open \(pid {os.getpid()}\)"),
        Register(tmp_path).held(),
    ):
        pass
    with Register(tmp_path).held():
        assert (tmp_path / "open.lock").read_text() == str(os.getpid())


def test_a_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match="cannot be written"), Register(tmp_path / "file" / "state").held():
        pass


def test_what_a_killed_shop_left_is_ended(children: Children, tmp_path: Path) -> None:
    process = children.start(PARENT)
    assert process.pid
    everyone = [psutil.Process(process.pid), *processes.children(process.pid)]
    Register(tmp_path).note(everyone)
    assert Register(tmp_path).tidy(Shutdown()) == len(everyone)
    assert not process.running
    assert all(processes.has_ended(each) for each in everyone)
    assert Register(tmp_path).tidy(Shutdown()) is None


def test_another_process_with_the_same_number_is_left_alone(children: Children, tmp_path: Path) -> None:
    process = children.start(STUBBORN)
    register = Register(tmp_path)
    register.path.write_text(f"[[{process.pid}, 1.0]]")
    assert register.tidy(Shutdown()) == 0
    assert process.running
