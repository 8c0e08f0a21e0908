"""The Dapr binaries: find the installed ones, otherwise those that the shop has built."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pizzashop.settings import home_directory

# The version of the runtime that the shop builds where none is installed.
VERSION = "1.18.3"
# Increase this number when the build of the same version changes: the shop then builds the runtime again.
BUILD = 1
CLI_VERSION = "1.16.5"
NAMES = ("daprd", "placement", "scheduler")

# The shop runs with all versions of this line, which is also the line of the SDK.
SUPPORTED_LINE = (1, 18)
# In older versions an event whose trace fields are not strings crashes the sidecar that receives it.
SAFE_VERSION = (1, 18, 3)


@dataclass(frozen=True)
class Dapr:
    """The paths of the binaries; `origin` is `installed` or `built`.

    An installation that runs placement and scheduler in containers has no binaries of them.
    """

    daprd: Path
    placement: Path | None
    scheduler: Path | None
    version: str
    origin: str


def installed_dapr() -> Dapr | None:
    """Return the installed Dapr if its version is supported."""
    daprd, placement, scheduler = (_find_binary(name) for name in NAMES)
    if daprd is None:
        return None
    version = version_of(daprd)
    return Dapr(daprd, placement, scheduler, version, "installed") if is_supported(version) else None


def built_dapr(cache_dir: Path) -> Dapr | None:
    """Return the Dapr that the shop has built, if all its binaries exist."""
    directory = bin_dir(runtime_home(cache_dir))
    daprd, placement, scheduler = (directory / name for name in NAMES)
    if not all(os.access(binary, os.X_OK) for binary in (daprd, placement, scheduler)):
        return None
    return Dapr(daprd, placement, scheduler, VERSION, "built")


def dapr_cli(cache_dir: Path) -> Path | None:
    """Return the installed `dapr` CLI, otherwise the built one. Only `dapr run` needs it."""
    built = cli_home(cache_dir) / "dapr"
    return _find_binary("dapr") or (built if os.access(built, os.X_OK) else None)


def runtime_home(cache_dir: Path) -> Path:
    """Return the directory of the built binaries, in the layout that `DAPR_RUNTIME_PATH` requires."""
    return cache_dir / f"dapr-{VERSION}-{BUILD}-{machine_name()}"


def cli_home(cache_dir: Path) -> Path:
    return cache_dir / f"dapr-cli-{CLI_VERSION}-{machine_name()}"


def bin_dir(runtime_path: Path) -> Path:
    """Return the directory under a runtime path in which the CLI looks for daprd."""
    return runtime_path / ".dapr" / "bin"


def is_supported(version: str) -> bool:
    """Return whether the shop runs with this version of Dapr or its SDK."""
    return parse_version(version)[:2] == SUPPORTED_LINE


def is_safe(version: str) -> bool:
    """Return whether no event can crash the sidecar of this version."""
    return parse_version(version) >= SAFE_VERSION


def version_of(binary: Path, flags: Iterable[str] = ("--version",), env: Mapping[str, str] | None = None) -> str:
    """Return the version that a binary prints; empty if it prints none."""
    try:
        result = subprocess.run([binary, *flags], capture_output=True, text=True, timeout=10, check=False, env=env)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r"\d+\.\d+(\.\d+)?\S*", result.stdout)
    return match[0] if match else ""


def parse_version(version: str) -> tuple[int, ...]:
    """Return the three numbers of a version such as `v1.18.3-rc.1`, or of `1.27`; () if it has none."""
    match = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def machine_name() -> str:
    """Return the system and the processor that binaries are for: `linux-x86_64`."""
    return f"{platform.system()}-{platform.machine()}".lower()


def _find_binary(name: str) -> Path | None:
    runtime_path = os.environ.get("DAPR_RUNTIME_PATH") or home_directory()
    directories = [str(bin_dir(Path(runtime_path)))] if runtime_path else []
    found = shutil.which(name, path=os.pathsep.join([*directories, os.environ.get("PATH", os.defpath)]))
    return Path(found) if found else None
