"""Ports of this machine: which are free, which process holds one, and which addresses reach the shop."""

import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from pizzashop.dapr.http import HttpClient
from pizzashop.errors import LocalError, Unavailable
from pizzashop.local.shutdown import Shutdown
from pizzashop.settings import bracket_ipv6, connectable_host

HOST = "127.0.0.1"
# The kernel keeps the port of a closed outgoing connection for 60 s (TIME_WAIT).
CLOSING_SECONDS = 65.0


def url_host(host: str) -> str:
    """Return the host part of a URL that reaches, from this machine, a server that listens on `host`."""
    address = connectable_host(host)
    if address == HOST:
        return HOST if is_localhost_ipv6_only() else "localhost"
    return bracket_ipv6(address)


def is_localhost_ipv6_only(hosts_file: Path = Path("/etc/hosts")) -> bool:
    """Return whether the hosts file, which the sidecars read, gives `localhost` no IPv4 address."""
    try:
        lines = hosts_file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    entries = (line.partition("#")[0].split() for line in lines)
    addresses = [entry[0] for entry in entries if "localhost" in entry[1:]]
    return bool(addresses) and all(":" in address for address in addresses)


def is_listening(port: int, host: str = HOST) -> bool:
    """Return whether a server accepts connections on this port."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def http_ok(port: int, path: str, host: str = HOST) -> bool:
    """Return whether `GET path` answers 2xx. The request ignores the proxies of the environment."""
    try:
        with HttpClient() as client:
            return client.request("GET", f"http://{bracket_ipv6(host)}:{port}{path}", timeout_seconds=2).status < 300
    except Unavailable:
        return False


def taken_ports(ports: Iterable[int]) -> list[int]:
    """Return the ports on which a new server could not listen."""
    return [port for port in ports if not _can_listen(port)]


def listening_ports() -> set[int]:
    """Return all ports on which a server listens, as far as this user may see them."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return set()
    return {each.laddr.port for each in connections if each.laddr and each.status == psutil.CONN_LISTEN}


def port_holder(port: int) -> str:
    """Return the name and pid of the process that holds the port; "another process" if this user may not see it."""
    found = ""
    with suppress(psutil.AccessDenied, psutil.NoSuchProcess):
        pids = {each.pid for each in psutil.net_connections("tcp") if each.laddr and each.laddr.port == port}
        found = ", ".join(f"{psutil.Process(pid).name()} (pid {pid})" for pid in sorted(filter(None, pids)))
    return found or "another process"


def describe_taken_ports(ports: Iterable[int]) -> str:
    """Return the taken ports with their holders, such as `8003 by python (pid 7)`; empty if all are free."""
    ports_by_holder: dict[str, list[str]] = {}
    for port in taken_ports(ports):
        ports_by_holder.setdefault(port_holder(port), []).append(str(port))
    return "; ".join(f"{', '.join(held)} by {holder}" for holder, held in ports_by_holder.items())


def ports_of_closing_connections(ports: Iterable[int]) -> list[int]:
    """Return the taken ports if only outgoing connections hold them; empty if a server listens on one."""
    taken = taken_ports(ports)
    return [] if listening_ports().intersection(taken) else taken


def wait_for_closing_connections(ports: Iterable[int], shutdown: Shutdown) -> None:
    """Wait, up to about a minute, while only closing outgoing connections hold some of the ports."""
    deadline = time.monotonic() + CLOSING_SECONDS
    while ports_of_closing_connections(ports) and time.monotonic() < deadline:
        shutdown.sleep(0.25)


def require_free_ports(ports: Iterable[int], shutdown: Shutdown) -> None:
    """Raise LocalError, which names the holders, if a port is taken and is not free within about a minute."""
    wait_for_closing_connections(ports, shutdown)
    if taken := describe_taken_ports(ports):
        raise LocalError(f"Ports that the shop needs are held: {taken}. Stop these first. Nothing was started.")


@contextmanager
def reserve_ports(ports: Iterable[int]) -> Iterator[None]:
    """Keep outgoing connections away from the ports within the block; servers may still listen on them.

    The kernel gives no outgoing connection a port to which a socket is bound. A port that is taken is left as it is.
    """
    with ExitStack() as stack:
        for port in ports:
            bound = stack.enter_context(socket.socket())
            # With this option on both sockets, a server may listen on the port of a socket that is only bound.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                bound.bind(("", port))
        yield


def _can_listen(port: int) -> bool:
    is_dual = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if is_dual else socket.AF_INET
    try:
        with socket.create_server(("", port), family=family, backlog=1, dualstack_ipv6=is_dual):
            return True
    except OSError:
        return False
