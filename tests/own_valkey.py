"""A real Valkey on a free port, set as a test wants it."""

import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import valkey

from pizzashop.local import repairs
from pizzashop.local.ports import listening, wait_until
from pizzashop.local.processes import Shutdown


@contextmanager
def own_valkey(directory: Path, **settings: str) -> Iterator[int]:
    """Run it with these settings, by default nothing on disk; hands out its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    directory.mkdir(parents=True, exist_ok=True)
    chosen = {"port": str(port), "bind": "127.0.0.1", "dir": str(directory), "save": "", **settings}
    words = [word for key, value in chosen.items() for word in (f"--{key.replace('_', '-')}", *value.split("|"))]
    with (directory / "valkey.log").open("wb") as log:
        child = subprocess.Popen([repairs.binary(), *words], stdout=log)
        try:
            wait_until(lambda: _has_loaded(port, settings), "valkey", seconds=20, closing=Shutdown())
            yield port
        finally:
            child.kill()
            child.wait()


def _has_loaded(port: int, settings: Mapping[str, str]) -> bool:
    if not listening(port):
        return False
    with client(port, password=settings.get("requirepass", "")) as asked:
        return not dict(asked.info("persistence"))["loading"]


def client(port: int, **login: str) -> "valkey.Valkey[bytes]":
    """Speaks to it."""
    return valkey.Valkey(port=port, **{name: value for name, value in login.items() if value})  # type: ignore[arg-type]
