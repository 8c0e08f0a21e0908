"""Child processes: started, stopped, killed, with all that they have started."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_children import CHILD, PARENT, STUBBORN, Children
from shop_client import eventually

from pizzashop.errors import LocalError
from pizzashop.local import processes
from pizzashop.local.processes import Process


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    made = Children(tmp_path)
    yield made
    made.stop()


def test_a_process_ends_politely(children: Children) -> None:
    process = children.start(CHILD)
    assert process.running
    process.stop()
    assert not process.running
    assert process.pid is None


def test_one_that_does_not_end_is_killed(children: Children) -> None:
    process = children.start(STUBBORN)
    process.stop(seconds=0.2)
    assert not process.running


def test_what_it_started_ends_with_it(children: Children) -> None:
    process = children.start(PARENT)
    below = processes.children(process.pid)
    assert below
    process.stop()
    assert all(processes.has_ended(each) for each in below)


def test_a_hurried_stop_does_not_wait(children: Children) -> None:
    process = children.start(STUBBORN)
    process.closing.hurry = True
    process.stop(seconds=600)
    assert not process.running


def test_one_that_has_ended_at_once_is_known_all_the_same(tmp_path: Path) -> None:
    process = Process("child", ["true"], tmp_path / "child.log")
    for _ in range(50):
        started = process.start()
        assert started.pid != os.getpid()
        eventually(lambda started=started: processes.has_ended(started))
    assert not process.running


def test_it_can_be_started_again_and_its_last_log_is_kept(children: Children) -> None:
    process = children.start(STUBBORN)
    process.kill()
    process.start()
    assert process.running
    assert "up" in process.log.with_name("child.log.1").read_text()


def test_the_end_of_its_log_says_where_to_read_on(tmp_path: Path) -> None:
    process = Process("child", ["true"], tmp_path / "child.log")
    process.log.write_text("one kitchen\ntwo\nthree kitchen\n")
    said = process.tail(about="kitchen")
    assert said.splitlines() == [f"The end of {process.log}:", "  one kitchen", "  three kitchen"]


def test_a_command_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="child cannot be started"):
        Process("child", [str(tmp_path / "none")], tmp_path / "log").start()
