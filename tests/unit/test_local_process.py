"""Child processes, the wish to close, ports and the register: with real processes."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pizzashop.domain.errors import LocalError
from pizzashop.local import family, ports
from pizzashop.local.closing import Closing, Interrupted
from pizzashop.local.health import http_ok, listening, wait_until
from pizzashop.local.process import Process
from pizzashop.local.register import Register

SERVER = "import http.server as h; s = h.HTTPServer(('127.0.0.1', 0), h.SimpleHTTPRequestHandler)"
CHILD = "import time; print(1, flush=True); time.sleep(600)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


@pytest.fixture
def closing() -> Closing:
    return Closing()


@pytest.fixture
def made() -> Iterator[list[Process]]:
    running: list[Process] = []
    yield running
    for each in running:
        each.stop(0)


def start(made: list[Process], tmp_path: Path, code: str, said: str) -> Process:
    process = Process("child", [sys.executable, "-c", code], tmp_path / "child.log")
    made.append(process)
    process.start()
    wait_until(lambda: said in process.log.read_text(), "child", seconds=20, closing=Closing())
    return process


def test_a_process_ends_politely(made: list[Process], tmp_path: Path) -> None:
    process = start(made, tmp_path, f"{SERVER}; print('up', flush=True); s.serve_forever()", "up")
    assert process.running
    process.stop()
    assert not process.running
    assert process.pid is None


def test_one_that_does_not_end_is_killed(made: list[Process], tmp_path: Path) -> None:
    process = start(made, tmp_path, STUBBORN, "up")
    process.stop(seconds=0.2)
    assert not process.running


def test_what_it_started_ends_with_it(made: list[Process], tmp_path: Path) -> None:
    process = start(made, tmp_path, PARENT, "1")
    below = family.children(process.pid)
    assert below
    process.stop()
    assert all(family.gone(each) for each in below)


def test_a_hurried_stop_does_not_wait(made: list[Process], tmp_path: Path) -> None:
    process = start(made, tmp_path, STUBBORN, "up")
    process.closing.hurry = True
    process.stop(seconds=600)
    assert not process.running


def test_it_can_be_started_again_and_its_last_log_is_kept(made: list[Process], tmp_path: Path) -> None:
    process = start(made, tmp_path, STUBBORN, "up")
    process.kill()
    process.start()
    assert process.running
    assert "up" in (tmp_path / "child.log.1").read_text()


def test_the_end_of_its_log_says_where_to_read_on(tmp_path: Path) -> None:
    process = Process("child", ["true"], tmp_path / "child.log")
    process.log.write_text("one kitchen\ntwo\nthree kitchen\n")
    said = process.tail(about="kitchen")
    assert said.splitlines() == [f"The end of {process.log}:", "  one kitchen", "  three kitchen"]


def test_a_command_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="child cannot be started"):
        Process("child", [str(tmp_path / "none")], tmp_path / "log").start()


def test_a_signal_ends_the_waiting(closing: Closing) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with closing.listening():
        closing.pause(0)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted):
            closing.pause(60)
        assert not closing.hurry
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_while_it_closes_means_hurry(closing: Closing) -> None:
    with closing.listening():
        closing.begin()
        os.kill(os.getpid(), signal.SIGINT)
        closing.pause(0.01)
        assert closing.hurry


def test_waiting_has_an_end(closing: Closing) -> None:
    with pytest.raises(LocalError, match="the oven was not ready after 0 s"):
        wait_until(lambda: False, "the oven", seconds=0.1, closing=closing)


def test_a_port_that_is_held_is_named_with_its_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert ports.taken([port]) == [port]
        assert listening(port)
        with pytest.raises(LocalError, match=rf"{port} by .*\(pid {os.getpid()}\).*Nothing was started"):
            ports.require_free([port])
    assert ports.taken([port]) == []
    assert not http_ok(port, "/")
    ports.require_free([port])


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


def test_what_a_killed_shop_left_is_ended(made: list[Process], tmp_path: Path, closing: Closing) -> None:
    process = start(made, tmp_path, PARENT, "1")
    assert process.pid
    everyone = [psutil.Process(process.pid), *family.children(process.pid)]
    Register(tmp_path).note(everyone)
    assert Register(tmp_path).tidy(closing) == len(everyone)
    assert not process.running
    assert all(family.gone(each) for each in everyone)
    assert Register(tmp_path).tidy(closing) is None


def test_another_process_with_the_same_number_is_left_alone(
    made: list[Process], tmp_path: Path, closing: Closing
) -> None:
    process = start(made, tmp_path, STUBBORN, "up")
    register = Register(tmp_path)
    register.path.write_text(f"[[{process.pid}, 1.0]]")
    assert register.tidy(closing) == 0
    assert process.running
