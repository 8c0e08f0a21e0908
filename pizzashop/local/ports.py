"""Which ports are free, and who holds those that are not."""

import http.client
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from pizzashop.errors import LocalError
from pizzashop.local.processes import Shutdown
from pizzashop.settings import bracket_ipv6, connectable_host

HOST = "127.0.0.1"


def name_of(host: str) -> str:
    """The name, as it stands in a URL, under which people on this machine reach what listens on `host`."""
    return this_machine() if connectable_host(host) == HOST else bracket_ipv6(connectable_host(host))


def this_machine() -> str:
    """The name under which people reach what listens on loopback: `localhost`, unless that is another address here."""
    try:
        found = socket.getaddrinfo("localhost", None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return HOST
    return "localhost" if HOST in {each[4][0] for each in found} else HOST


def localhost_is_ipv6_alone(hosts: Path = Path("/etc/hosts")) -> bool:
    """Whether the sidecars, which read this file as Go does, find `localhost` under no IPv4 address."""
    try:
        lines = hosts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    words = (line.partition("#")[0].split() for line in lines)
    found = [each[0] for each in words if "localhost" in each[1:]]
    return bool(found) and all(":" in address for address in found)


def listening(port: int, host: str = HOST) -> bool:
    """Whether anything accepts connections on this port."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def http_ok(port: int, path: str, host: str = HOST) -> bool:
    """Whether `GET path` on this port answers 2xx, asked directly, past any proxy of the environment."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_until(
    ready: Callable[[], bool],
    what: str,
    *,
    seconds: float = 30.0,
    closing: Shutdown,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Ask until `ready`, at most `seconds`; `check` may raise the reason why there is nothing to wait for."""
    deadline = time.monotonic() + seconds
    while not ready():
        check()
        if time.monotonic() > deadline:
            raise LocalError(f"{what} was not ready after {seconds:.0f} s.")
        closing.pause(0.05)


PASSING_SECONDS = 65.0

ReportPorts = Callable[[Sequence[int]], None]


def taken(ports: Iterable[int]) -> list[int]:
    """Those on which nothing could listen now, on whichever address."""
    return [port for port in ports if not _can_listen(port)]


def holder(port: int) -> str:
    """The process that listens on this port, as far as this user may know."""
    try:
        found = {c.pid for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == port and c.pid}
        return ", ".join(f"{psutil.Process(pid).name()} (pid {pid})" for pid in sorted(found))
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return ""


def held(ports: Iterable[int]) -> str:
    """Who holds which of these ports, in words; empty where all are free."""
    by_holder: dict[str, list[str]] = {}
    for port in taken(ports):
        by_holder.setdefault(holder(port) or "another process", []).append(str(port))
    return "; ".join(f"{', '.join(each)} by {who}" for who, each in by_holder.items())


def require_free(ports: Iterable[int], closing: Shutdown, tell: ReportPorts = lambda _: None) -> None:
    """Raise LocalError, which says who holds what, where one of these ports is not free and will not soon be."""
    wait_for_closing_connections(ports, closing, tell)
    if text := held(ports):
        raise LocalError(f"Ports that the shop needs are held: {text}. Stop these first. Nothing was started.")


def wait_for_closing_connections(ports: Iterable[int], closing: Shutdown, tell: ReportPorts = lambda _: None) -> None:
    """Wait while outgoing connections alone hold some of these: what is left of one keeps its port for a minute.

    `tell` hears once which ports are waited for.
    """
    deadline, said = time.monotonic() + PASSING_SECONDS, False
    while (busy := held_by_connections(ports)) and time.monotonic() < deadline:
        if not said:
            tell(busy)
            said = True
        closing.pause(0.25)


def held_by_connections(ports: Iterable[int]) -> list[int]:
    """Those that outgoing connections alone hold; none where something listens on one of them."""
    busy = taken(ports)
    return [] if set(busy) & listened() else busy


def listened() -> set[int]:
    """The ports on which something listens, as far as this user may know."""
    try:
        open_ones = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return set()
    return {each.laddr.port for each in open_ones if each.laddr and each.status == psutil.CONN_LISTEN}


@contextmanager
def reserved(ports: Iterable[int]) -> Iterator[None]:
    """Keep outgoing connections from these ports, so that a server may listen on them at any time.

    The kernel gives no port to an outgoing connection that a socket is bound to. A port that something holds already
    is left as it is.
    """
    with ExitStack() as stack:
        for port in ports:
            bound = stack.enter_context(socket.socket())
            # With this on both sockets, a server may listen beside one that is only bound.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                bound.bind(("", port))
        yield


def _can_listen(port: int) -> bool:
    family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As Go's and Python's servers do: what is left of closed connections is no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            probe.bind(("", port))
            probe.listen(1)
        except OSError:
            return False
    return True
