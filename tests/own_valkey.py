"""A real Valkey on a free port, with the settings that a test needs."""

import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import valkey

from pizzashop.local.ports import is_listening
from pizzashop.local.programs import valkey_binary
from pizzashop.local.shutdown import wait_until


@contextmanager
def own_valkey(directory: Path, **settings: str) -> Iterator[int]:
    """Run it with these settings within the block, and yield its port. By default it keeps nothing on disk."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    directory.mkdir(parents=True, exist_ok=True)
    options = {"port": str(port), "bind": "127.0.0.1", "dir": str(directory), "save": "", **settings}
    words = [word for key, value in options.items() for word in (f"--{key.replace('_', '-')}", *value.split("|"))]
    with (directory / "valkey.log").open("wb") as log:
        child = subprocess.Popen([valkey_binary(), *words], stdout=log)
        try:
            wait_until(lambda: _has_loaded(port, settings), "valkey", seconds=20)
            yield port
        finally:
            child.kill()
            child.wait()


def _has_loaded(port: int, settings: Mapping[str, str]) -> bool:
    if not is_listening(port):
        return False
    with client(port, password=settings.get("requirepass", "")) as asked:
        return not dict(asked.info("persistence"))["loading"]


def client(port: int, **login: str) -> "valkey.Valkey[bytes]":
    """Return a client of it."""
    return valkey.Valkey(port=port, **{name: value for name, value in login.items() if value})  # type: ignore[arg-type]
