"""Whether something on this machine answers, and waiting until it does."""

import http.client
import socket
import time
from collections.abc import Callable
from pathlib import Path

from pizzashop.domain.errors import LocalError
from pizzashop.local.closing import Closing
from pizzashop.settings import in_url, reachable

HOST = "127.0.0.1"


def name_of(host: str) -> str:
    """The name, as it stands in a URL, under which people on this machine reach what listens on `host`."""
    return this_machine() if reachable(host) == HOST else in_url(reachable(host))


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
    closing: Closing,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Ask until `ready`, at most `seconds`; `check` may raise the reason why there is nothing to wait for."""
    deadline = time.monotonic() + seconds
    while not ready():
        check()
        if time.monotonic() > deadline:
            raise LocalError(f"{what} was not ready after {seconds:.0f} s.")
        closing.pause(0.05)
