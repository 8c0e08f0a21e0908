"""On a full disk a write into the state directory is an error in one sentence, or the shop goes on without it."""

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
from pizzashop.local.checks import check_disk, report_full_disk
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.ports import http_ok
from pizzashop.local.processes import MAX_RESTARTS, Process
from pizzashop.local.project import Project
from pizzashop.local.shop import PidFile, Shop


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", megabytes=32) as made:
        yield made


def test_the_pid_file_of_an_open_shop_keeps_its_content(small: SmallDisk) -> None:
    pid_file = PidFile(small.path)
    pid_file.write([psutil.Process()])
    before = pid_file.path.read_text()
    small.fill()
    pid_file.write([psutil.Process()] * 2000)
    assert pid_file.path.read_text() == before
    small.clear()
    pid_file.write([psutil.Process()] * 2)
    assert len(json.loads(pid_file.path.read_text())) == 2


def test_a_shop_that_cannot_write_at_all_does_not_open(small: SmallDisk) -> None:
    small.fill()
    with pytest.raises(LocalError, match="No space left"), report_full_disk(small.path), PidFile(small.path).locked():
        pass
    with pytest.raises(LocalError, match=f"The disk of {small.path} is full"), report_full_disk(small.path):
        PidFile(small.path).write([psutil.Process()])
    assert check_disk(small.path).state == "wrong"


@pytest.mark.parametrize(
    ("output", "megabytes", "needed"), [("another fault", 32, 16), ("no space left on device", 120, 80)]
)
def test_an_ended_service_is_restarted_when_there_is_room(
    tmp_path: Path, output: str, megabytes: int, needed: int
) -> None:
    program = tmp_path / "scheduler"
    program.write_text(f"#!/bin/sh\necho {output}\nexit 1\n")
    program.chmod(0o755)
    with small_disk(tmp_path / "disk", megabytes) as small:
        shop = Shop(small.path, Project.find(), Dapr(program, program, program, "1.18.3", "installed"))
        process = shop["scheduler"]
        process.start()
        eventually(lambda: process.has_ended)
        small.fill(leave=needed - 2)
        for _ in range(2 * MAX_RESTARTS):
            assert list(shop.restart_ended()) == []
        small.clear()
        assert list(shop.restart_ended()) == [process]
        process.stop()


def test_a_process_starts_without_a_log(small: SmallDisk) -> None:
    log = small.path / "logs" / "child.log"
    log.parent.mkdir()
    small.fill()
    code = "import sys; print('x' * 100_000); sys.stdout.flush()"
    code = f"try:\n {code}\nexcept OSError: pass\nopen(sys.argv[1], 'w')"
    process = Process("child", [sys.executable, "-c", code, str(small.path.with_name("ran"))], log)
    process.start()
    eventually(lambda: process.has_ended)
    assert small.path.with_name("ran").exists()


def test_an_account_that_cannot_be_written_is_an_error_and_leaves_the_file(small: SmallDisk) -> None:
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
