"""The units that `pizzashop units` writes, run by a real systemd, which is the first process of a machine of its own.

It needs root and systemd. See `boot.sh` for what this machine has.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from shop_client import eventually

from pizzashop.local.build import find_dapr
from pizzashop.local.processes import descendants
from pizzashop.settings import Settings

ROOT = Path(__file__).parents[2]
BOOT = Path(__file__).with_name("boot.sh")
PIZZASHOP = "/opt/shop/bin/pizzashop"
NAMESPACES = ("--cgroup", "--pid", "--mount", "--net", "--ipc", "--uts")

pytestmark = pytest.mark.timeout(240)


class Machine:
    """A booted machine. `run` executes a command in it."""

    def __init__(self, systemd: psutil.Process) -> None:
        self._enter = [
            "nsenter",
            "--target",
            str(systemd.pid),
            "--all",
            "--root",
            "--wd",
            "env",
            "-i",
            "PATH=/usr/bin:/bin",
        ]

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([*self._enter, *command], capture_output=True, text=True, timeout=90, check=False)

    def systemctl(self, *words: str) -> str:
        result = self.run("systemctl", *words)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def status(self, order_id: str) -> str:
        result = self.run(PIZZASHOP, "status", order_id, "--json")
        return result.stdout if result.returncode == 0 else result.stderr

    def pid(self, unit: str) -> str:
        return self.systemctl("show", "--property=MainPID", "--value", unit)


@contextmanager
def own_cgroup() -> Iterator[Path]:
    """Make a control group, which is the root of those that systemd makes; remove all of them at the end."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    parent = next((Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"), None)
    if parent is None:
        pytest.skip("systemd needs a mounted cgroup2")
    group = parent / f"pizzashop-services-{os.getpid()}"
    group.mkdir()
    try:
        yield group
    finally:
        for directory, _, _ in os.walk(group, topdown=False):
            eventually(lambda path=Path(directory): "populated 0" in (path / "cgroup.events").read_text())
            os.rmdir(directory)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Boot a machine that runs the shop's units; end it with all that runs in it."""
    systemd = Path("/lib/systemd/systemd")
    if os.getuid() or not systemd.exists() or shutil.which("nsenter") is None:
        pytest.skip("root, systemd and nsenter are needed (apt install systemd)")
    dapr = find_dapr(Settings.from_env().cache_dir.expanduser().absolute())
    assert dapr is not None, "run `pizzashop prepare` first"
    sources = [ROOT, sys.base_prefix, sysconfig.get_path("purelib"), Settings.from_env().cache_dir.expanduser()]
    (tmp_path / "root").mkdir()
    with own_cgroup() as group, (tmp_path / "boot.log").open("w+") as log:
        enter = f'echo $$ >"{group}/cgroup.procs"; exec unshare {" ".join(NAMESPACES)} --fork --kill-child bash "$@"'
        command = ["bash", "-c", enter, "bash", str(BOOT), str(tmp_path / "root"), *map(str, sources)]
        child = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield Machine(eventually(lambda: _booted(child, Path(log.name)), bool, seconds=60))
        finally:
            for each in descendants(child.pid)[:1]:
                # The kernel ends a PID namespace with its first process.
                each.kill()
            child.kill()
            child.wait()


def _booted(child: "subprocess.Popen[bytes]", log: Path) -> psutil.Process | None:
    assert child.poll() is None, log.read_text()
    return next((each for each in descendants(child.pid) if each.name() == "systemd"), None)


def test_systemd_restarts_what_dies_and_orders_go_on_after_a_stop(machine: Machine) -> None:
    verified = machine.run("sh", "-c", "systemd-analyze verify /etc/systemd/system/pizzashop*")
    assert [line for line in verified.stderr.splitlines() if "pizzashop" in line] == []
    eventually(lambda: machine.run(PIZZASHOP, "order", "pepperoni", "--id", "first").returncode, (0).__eq__, seconds=90)
    eventually(lambda: machine.status("first"), lambda text: '"pending_validation"' in text, seconds=60)
    for unit in ("pizzashop-kitchen", "pizzashop-sidecar-order", "pizzashop-valkey", "pizzashop-scheduler"):
        killed = machine.pid(unit)
        machine.systemctl("kill", "--signal=KILL", unit)
        eventually(lambda unit=unit, killed=killed: machine.pid(unit) not in (killed, "0"), seconds=30)
    eventually(lambda: machine.run(PIZZASHOP, "approve", "first").returncode, (0).__eq__, seconds=60)
    eventually(lambda: machine.status("first"), lambda text: '"delivered"' in text, seconds=60)
    eventually(
        lambda: machine.run(PIZZASHOP, "order", "pepperoni", "--id", "second").returncode, (0).__eq__, seconds=60
    )
    machine.systemctl("stop", "pizzashop.target")
    # systemctl waits for the target alone.
    active = ("list-units", "--state=active,deactivating", "--plain", "--no-legend", "pizzashop*")
    eventually(lambda: machine.systemctl(*active), "".__eq__, seconds=40)
    assert machine.systemctl("list-units", "--state=failed", "--plain", "--no-legend", "pizzashop*") == ""
    machine.systemctl("start", "pizzashop.target")
    eventually(lambda: machine.run(PIZZASHOP, "approve", "second").returncode, (0).__eq__, seconds=90)
    eventually(lambda: machine.status("second"), lambda text: '"delivered"' in text, seconds=90)
