"""The Dapr binaries: the installed ones, else those that the shop has built."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

VERSION = "1.18.2"
BUILD = 2
"""Grows when what is built of the same version changes: what was built before is then built anew."""
"""The runtime that is built where none is installed."""

LINE = (1, 18)
NAMES = ("daprd", "dapr", "placement", "scheduler")


@dataclass(frozen=True)
class Dapr:
    """Where each binary is. An installation with containers has no `placement` and `scheduler` of its own."""

    daprd: Path
    cli: Path
    placement: Path | None
    scheduler: Path | None
    version: str
    origin: str


def home(cache_dir: Path) -> Path:
    """The directory of the binaries that the shop builds, as `DAPR_RUNTIME_PATH` wants it."""
    machine = f"{platform.system()}-{platform.machine()}".lower()
    return cache_dir / f"dapr-{VERSION}-{BUILD}-{machine}"


def bin_dir(runtime_path: Path) -> Path:
    """Where the CLI looks for daprd under a runtime path."""
    return runtime_path / ".dapr" / "bin"


def installed() -> Dapr | None:
    """The installed Dapr, if it is of the right line: DAPR_RUNTIME_PATH, then PATH, then ~/.dapr/bin."""
    runtime_path = Path(os.environ.get("DAPR_RUNTIME_PATH") or Path.home())
    places = [str(bin_dir(runtime_path)), os.environ.get("PATH", os.defpath), str(bin_dir(Path.home()))]
    daprd, cli, placement, scheduler = (_which(name, os.pathsep.join(places)) for name in NAMES)
    if daprd is None or cli is None:
        return None
    version = version_of(daprd)
    return Dapr(daprd, cli, placement, scheduler, version, "installed") if fits(version) else None


def built(cache_dir: Path) -> Dapr | None:
    """The Dapr that the shop has built before, if all of it is there."""
    return under(home(cache_dir))


def under(runtime_path: Path) -> Dapr | None:
    """The Dapr under a runtime path that the shop has built, if all of it is there."""
    where = bin_dir(runtime_path)
    daprd, cli, placement, scheduler = (where / name for name in NAMES)
    if not all(os.access(where / name, os.X_OK) for name in NAMES):
        return None
    return Dapr(daprd, cli, placement, scheduler, VERSION, "built")


def _which(name: str, places: str) -> Path | None:
    found = shutil.which(name, path=places)
    return Path(found) if found else None


def fits(version: str) -> bool:
    """Whether the shop runs with this version: 1.18 or newer within its line."""
    match = re.match(r"v?(\d+)\.(\d+)\.\d+", version)
    return match is not None and (int(match[1]), int(match[2])) == LINE


def version_of(binary: Path, flags: Iterable[str] = ("--version",)) -> str:
    """What `binary` says its version is; empty where it does not answer."""
    try:
        answer = subprocess.run([binary, *flags], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r"\d+\.\d+(\.\d+)?\S*", answer.stdout)
    return match[0] if match else ""
