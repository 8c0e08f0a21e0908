"""Checks of this machine - ports, commands and the disk: `up` requires them, `doctor` reports them."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pizzashop.errors import LocalError
from pizzashop.local.findings import Finding
from pizzashop.local.ports import is_listening, require_free_ports
from pizzashop.local.programs import SERVICE_PORTS, command_path
from pizzashop.local.project import Project
from pizzashop.local.shutdown import Shutdown
from pizzashop.local.telemetry import TELEMETRY_PORTS

# The first opening needs this room: the scheduler creates two logs of 64 MB.
FIRST_OPENING_BYTES = 200 * 1024**2
# A new log of the scheduler needs this room.
ETCD_LOG_BYTES = 80 * 1024**2
# With less room than this the disk counts as full, and the shop starts nothing.
MIN_FREE_BYTES = 16 * 1024**2
_LOW_BYTES = 1024**3


def required_ports(project: Project, *, has_telemetry: bool = False) -> list[int]:
    """Return the ports that must be free: those of roles and sidecars, and of services that are not running yet.

    The servers of telemetry are never shared: another one would not know this shop.
    """
    service_ports = [port for ports in SERVICE_PORTS.values() if not is_listening(ports[0]) for port in ports]
    telemetry_ports = [port for ports in TELEMETRY_PORTS.values() for port in ports] if has_telemetry else []
    return [*project.ports, *service_ports, *telemetry_ports]


def require_startable(project: Project, shutdown: Shutdown | None = None, *, has_telemetry: bool = False) -> None:
    """Raise LocalError if a required port is taken, or a command of the run file does not exist."""
    require_free_ports(required_ports(project, has_telemetry=has_telemetry), shutdown or Shutdown())
    require_commands(project)


def require_commands(project: Project) -> None:
    """Raise LocalError if a command of the run file does not exist."""
    for app in project.apps:
        name = app.command[0] if app.command else ""
        # The system looks for a name with a slash in the app's directory, not in the PATH.
        program = str((app.directory or Path()) / name) if os.sep in name else name
        if name and not shutil.which(program, path=command_path()):
            remedy = ": run `pip install -e .` in the project" if name == "pizzashop" else ""
            raise LocalError(f"`{name}`, which {app.app_id} runs, is not installed{remedy}.")


def free_bytes(directory: Path) -> int:
    """Return how many bytes are free on the disk of `directory`, which need not exist yet."""
    existing = next(each for each in (directory, *directory.parents) if each.exists())
    return shutil.disk_usage(existing).free


@contextmanager
def report_full_disk(directory: Path) -> Iterator[None]:
    """Turn the OSError of a full disk within the block into a LocalError that names `directory`."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise LocalError(f"The disk of {directory} is full: make room, and open the shop again.") from None


def check_disk(state_dir: Path) -> Finding:
    """Check how much room the disk of the state directory has."""
    free = free_bytes(state_dir)
    found = f"{free // 1024**2} MiB are free on the disk of {state_dir}"
    needed = MIN_FREE_BYTES if (state_dir / "scheduler").exists() else FIRST_OPENING_BYTES
    if free < needed:
        return Finding("Disk", "wrong", found, f"make room, because opening takes {needed // 1024**2} MiB")
    return Finding("Disk", "note", found, "make room") if free < _LOW_BYTES else Finding("Disk", "ok", found)
