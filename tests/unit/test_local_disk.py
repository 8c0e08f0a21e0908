"""What writes into the state directory on a full disk: one sentence, or it goes on without."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from shop_client import PIZZASHOP, eventually
from small_disk import SmallDisk, small_disk

from pizzashop.auth.accounts import write_private_file
from pizzashop.errors import LocalError
from pizzashop.local import disk, storage
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.ports import http_ok
from pizzashop.local.processes import Process
from pizzashop.local.services import MAX_RESTARTS, Services
from pizzashop.local.shop import Register


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", megabytes=32) as made:
        yield made


def test_the_register_of_an_open_shop_keeps_what_it_has(small: SmallDisk) -> None:
    register = Register(small.path)
    register.note([psutil.Process()])
    before = register.path.read_text()
    small.fill()
    register.note([psutil.Process()] * 2000)
    assert register.path.read_text() == before
    small.clear()
    register.note([psutil.Process()] * 2)
    assert len(json.loads(register.path.read_text())) == 2


def test_a_shop_that_cannot_write_at_all_does_not_open(small: SmallDisk) -> None:
    small.fill()
    with pytest.raises(LocalError, match="No space left"), disk.report_full(small.path), Register(small.path).held():
        pass
    with pytest.raises(LocalError, match=f"The disk of {small.path} is full"), disk.report_full(small.path):
        Register(small.path).note([psutil.Process()])
    assert storage.free_space(small.path).state == "wrong"


@pytest.mark.parametrize(("said", "megabytes", "needed"), [("why ever", 32, 16), ("no space left on device", 120, 80)])
def test_a_service_that_ended_waits_for_room(tmp_path: Path, said: str, megabytes: int, needed: int) -> None:
    program = tmp_path / "scheduler"
    program.write_text(f"#!/bin/sh\necho {said}\nexit 1\n")
    program.chmod(0o755)
    with small_disk(tmp_path / "disk", megabytes) as small:
        services = Services(small.path, Dapr(program, program, program, "1.18.3", "installed"))
        for each in services:
            each.theirs = each.name != "scheduler"
        process = services["scheduler"].process
        process.start()
        eventually(lambda: not process.running)
        small.fill(leave=needed - 2)
        for _ in range(2 * MAX_RESTARTS):
            assert list(services.restart_ended()) == []
        small.clear()
        assert list(services.restart_ended()) == [process]
        process.stop()


def test_a_process_starts_without_a_log(small: SmallDisk) -> None:
    log = small.path / "logs" / "child.log"
    log.parent.mkdir()
    small.fill()
    code = "import sys; print('x' * 100_000); sys.stdout.flush()"
    process = Process(
        "child", [sys.executable, "-c", f"try:\n {code}\nexcept OSError: pass\nopen(sys.argv[1], 'w')"], log
    )
    process.argv = [*process.argv, str(small.path.with_name("ran"))]
    process.start()
    eventually(lambda: not process.running)
    assert small.path.with_name("ran").exists()


def test_an_account_that_cannot_be_written_is_one_sentence_and_leaves_the_file(small: SmallDisk) -> None:
    path = small.path / "staff.json"
    write_private_file(path, "{}")
    small.fill()
    with pytest.raises(LocalError, match=r"staff.json cannot be written: No space left on device"):
        write_private_file(path, "x" * 100_000)
    assert path.read_text() == "{}"
    assert [each.name for each in small.path.iterdir() if each.name.startswith(".")] == []


def test_a_role_whose_log_is_on_a_full_disk_serves() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {**os.environ, "PIZZASHOP_LOG_LEVEL": "debug"}
    with open("/dev/full", "w") as full:
        command = [PIZZASHOP, "serve", "--role", "kitchen", "--port", str(port)]
        with subprocess.Popen(command, stdout=full, stderr=full, env=env) as role:
            try:
                eventually(lambda: http_ok(port, "/healthz"))
                for _ in range(200):
                    assert not http_ok(port, "/none")
                assert http_ok(port, "/healthz")
                role.send_signal(signal.SIGTERM)
                assert role.wait(timeout=15) == 0
            finally:
                role.kill()
