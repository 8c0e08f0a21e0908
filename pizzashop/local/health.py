"""Whether something on this machine answers, and waiting until it does."""

import http.client
import socket
import time
from collections.abc import Callable

import valkey

from pizzashop.domain.errors import LocalError
from pizzashop.local.closing import Pause

HOST = "127.0.0.1"


def listening(port: int) -> bool:
    """Whether anything accepts connections on this port."""
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def http_ok(port: int, path: str) -> bool:
    """Whether `GET path` on this port answers 2xx, asked directly, past any proxy of the environment."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", path)
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def redis_answers(port: int) -> bool:
    """Whether what listens on this port speaks the Redis protocol and is ready."""
    try:
        with valkey.Valkey(HOST, port, socket_timeout=2, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except valkey.ValkeyError:
        return False


def redis_persists(port: int) -> bool:
    """Whether this Redis appends every write to a file; one that does not say is believed."""
    try:
        with valkey.Valkey(HOST, port, socket_timeout=2, decode_responses=True) as client:
            return dict(client.config_get("appendonly")) != {"appendonly": "no"}
    except valkey.ValkeyError:
        return True


def wait_until(
    ready: Callable[[], bool],
    what: str,
    *,
    seconds: float = 30.0,
    pause: Pause = time.sleep,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Ask until `ready`, at most `seconds`; `check` may raise the reason why there is nothing to wait for."""
    deadline = time.monotonic() + seconds
    while not ready():
        check()
        if time.monotonic() > deadline:
            raise LocalError(f"{what} was not ready after {seconds:.0f} s.")
        pause(0.05)
