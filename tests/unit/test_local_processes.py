"""Supervised processes are started, stopped, killed and restarted with all their descendants."""

import signal
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from local_children import CHILD, PARENT, STUBBORN, Children
from shop_client import eventually

from pizzashop.errors import LocalError
from pizzashop.local.processes import (
    MAX_RESTARTS,
    RESTART_WINDOW_SECONDS,
    Process,
    descendants,
    has_ended,
    wait_until_ready,
)
from pizzashop.local.shutdown import Shutdown


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    made = Children(tmp_path)
    yield made
    made.stop()


def test_a_stopped_process_ends(children: Children) -> None:
    process = children.start(CHILD)
    assert process.is_running
    process.stop()
    assert process.has_ended
    assert process.pid is None


def test_a_process_that_ignores_sigterm_is_killed(children: Children) -> None:
    process = children.start(STUBBORN)
    process.stop(seconds=0.2)
    assert process.has_ended


def test_the_descendants_of_a_process_end_with_it(children: Children) -> None:
    process = children.start(PARENT)
    below = descendants(process.pid)
    assert below
    process.stop()
    assert all(has_ended(each) for each in below)


def test_the_descendants_of_a_process_are_killed_with_it(children: Children) -> None:
    process = children.start(PARENT)
    below = descendants(process.pid)
    process.kill()
    assert process.has_ended
    eventually(lambda: all(has_ended(each) for each in below))


def test_a_restart_kills_what_a_process_has_left_behind(children: Children) -> None:
    process = children.start(PARENT)
    (left,) = descendants(process.pid)
    process.send_signal(signal.SIGKILL)
    eventually(lambda: process.has_ended)
    assert not has_ended(left)
    process.restart()
    eventually(lambda: has_ended(left))
    assert process.is_running


def test_a_forced_stop_does_not_wait(children: Children) -> None:
    process = children.start(STUBBORN)
    process.shutdown.is_forced = True
    process.stop(seconds=600)
    assert process.has_ended


def test_a_start_keeps_the_log_before(children: Children) -> None:
    process = children.start(STUBBORN)
    process.kill()
    process.start()
    assert process.is_running
    assert "up" in process.log.with_name("child.log.1").read_text()


def test_a_command_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="child cannot be started"):
        Process("child", [str(tmp_path / "none")], tmp_path / "log").start()


def test_a_process_that_ends_before_it_is_ready_is_an_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    process = Process("child", ["echo", "no oven"], tmp_path / "log", is_ready=lambda: False)
    process.start()
    with pytest.raises(LocalError, match=rf"child has ended. The end of {process.log}:\n  no oven"):
        wait_until_ready([process], 20, Shutdown())


def restart_until_it_has_ended(process: Process) -> None:
    process.restart()
    eventually(lambda: process.has_ended)


def test_a_process_that_ends_again_and_again_is_not_restarted(tmp_path: Path) -> None:
    process = Process("child", ["true"], tmp_path / "log", clock=partial(next, count(0, 5)))
    for _ in range(MAX_RESTARTS):
        restart_until_it_has_ended(process)
    with pytest.raises(LocalError, match="child ends again and again"):
        process.restart()


def test_a_process_that_ends_now_and_then_is_always_restarted(tmp_path: Path) -> None:
    seconds = count(0, RESTART_WINDOW_SECONDS / MAX_RESTARTS)
    process = Process("child", ["true"], tmp_path / "log", clock=partial(next, seconds))
    for _ in range(3 * MAX_RESTARTS):
        restart_until_it_has_ended(process)
