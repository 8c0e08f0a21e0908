"""Network namespaces as hosts of a test: each has an address of its own, on a bridge in the namespace of the test."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import psutil


@cache
def reason_without_namespaces() -> str:
    """Return why this process must not lay out hosts, in one sentence; "" if it may.

    It is found out once: the kernel removes the hosts of an earlier test a little later than that test ends.
    """
    if os.getuid() or shutil.which("ip") is None:
        return "root and the program `ip` are needed, for network namespaces"
    if any(state.isup for name, state in psutil.net_if_stats().items() if name != "lo"):
        return "this is the network of the machine: run the tests with `unshare --net`, as the Makefile does"
    return ""


def run_ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@contextmanager
def bridge(name: str, address: str) -> Iterator[None]:
    """Have a bridge with this address (`10.0.0.1/24`) in the namespace of this process within the block."""
    with ExitStack() as stack:
        run_ip("link", "set", "lo", "up")
        # Without an address of its own, a bridge takes that of a new port now and then, and connections are lost.
        run_ip("link", "add", name, "address", "02:00:00:00:00:01", "type", "bridge")
        stack.callback(run_ip, "link", "delete", name)
        run_ip("address", "add", address, "dev", name)
        run_ip("link", "set", name, "up")
        yield


class Host:
    """A namespace with one interface, whose other end (`link`) is a port of the bridge."""

    def __init__(self, name: str, link: str) -> None:
        self.name, self.link = name, link

    def command(self, *words: str | Path) -> list[str | Path]:
        """Return the command that runs another one on this host."""
        return ["ip", "netns", "exec", self.name, *words]

    def run(self, *words: str | Path) -> str:
        """Run a command on this host; return its output."""
        return subprocess.run(self.command(*words), capture_output=True, text=True, check=False).stdout

    def cut_off(self) -> None:
        run_ip("link", "set", self.link, "down")

    def reconnect(self) -> None:
        run_ip("link", "set", self.link, "up")

    def kill_all(self) -> None:
        """Kill each process of this host, also those that others of them start meanwhile."""
        while pids := subprocess.check_output(["ip", "netns", "pids", self.name], text=True).split():
            subprocess.run(["kill", "-KILL", *pids], check=False, stderr=subprocess.DEVNULL)


@contextmanager
def host(name: str, link: str, bridge_name: str, address: str, gateway: str, hosts_file: Path) -> Iterator[Host]:
    """Have a host with this address (`10.0.0.2/24`) on the bridge within the block; kill its processes at the end.

    It knows the names of the hosts file and, without a name server, no others.
    """
    files = Path("/etc/netns") / name
    with ExitStack() as stack:
        files.mkdir(parents=True)
        stack.callback(shutil.rmtree, files)
        (files / "hosts").symlink_to(hosts_file)
        (files / "resolv.conf").symlink_to(os.devnull)
        run_ip("netns", "add", name)
        stack.callback(run_ip, "netns", "delete", name)
        made = Host(name, link)
        stack.callback(made.kill_all)
        run_ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        run_ip("link", "set", link, "master", bridge_name, "up")
        for command in (f"address add {address} dev eth0", "link set eth0 up", "link set lo up"):
            run_ip("-n", name, *command.split())
        run_ip("-n", name, "route", "add", "default", "via", gateway)
        yield made


@contextmanager
def running(
    command: Sequence[str | Path], log: Path, env: dict[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program within the block; kill it and its children at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=env, start_new_session=True)
        try:
            yield process
        finally:
            subprocess.run(["kill", "-KILL", "--", f"-{process.pid}"], check=False, stderr=subprocess.DEVNULL)
            process.wait()
