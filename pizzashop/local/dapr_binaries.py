"""The Dapr binaries: the installed ones, else those that the shop has built."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pizzashop.settings import home_directory

VERSION = "1.18.3"
"The runtime that is built_dapr where none is installed_dapr."
BUILD = 1
"""Grows when what is built of the same version changes: what was built before is then built anew."""
CLI_VERSION = "1.16.5"

LINE = (1, 18)
NAMES = ("daprd", "placement", "scheduler")
SAFE = (1, 18, 3)
"""Before it, an event whose trace fields are not strings ends the sidecar that hears it."""
_NOT_INHERITED = ("NAMESPACE",)
"""A sidecar makes it part of the name of each workflow, the scheduler of the path of its data: with another value, all
orders in flight stand still."""


@dataclass(frozen=True)
class Dapr:
    """Where each binary is. An installation with containers has no `placement` and `scheduler` of its own."""

    daprd: Path
    placement: Path | None
    scheduler: Path | None
    version: str
    origin: str


def inherited_environment() -> dict[str, str]:
    """What Dapr's processes, and the roles beside them, inherit from this one."""
    return {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}


def runtime_home(cache_dir: Path) -> Path:
    """The directory of the binaries that the shop builds, as `DAPR_RUNTIME_PATH` wants it."""
    return cache_dir / f"dapr-{VERSION}-{BUILD}-{_machine()}"


def cli_home(cache_dir: Path) -> Path:
    """The directory of the `dapr` CLI that the shop builds."""
    return cache_dir / f"dapr-cli-{CLI_VERSION}-{_machine()}"


def bin_dir(runtime_path: Path) -> Path:
    "Where the CLI looks for daprd dapr_under a runtime path."
    return runtime_path / ".dapr" / "bin"


def installed_dapr() -> Dapr | None:
    """The installed Dapr, if it is of the right line: DAPR_RUNTIME_PATH, then PATH, then ~/.dapr/bin."""
    daprd, placement, scheduler = (_which(name) for name in NAMES)
    if daprd is None:
        return None
    version = version_of(daprd)
    return Dapr(daprd, placement, scheduler, version, "installed") if is_supported(version) else None


def built_dapr(cache_dir: Path) -> Dapr | None:
    "The Dapr that the shop has built_dapr before, if all of it is there."
    return dapr_under(runtime_home(cache_dir))


def dapr_under(runtime_path: Path) -> Dapr | None:
    "The Dapr dapr_under a runtime path that the shop has built_dapr, if all of it is there."
    where = bin_dir(runtime_path)
    daprd, placement, scheduler = (where / name for name in NAMES)
    if not all(os.access(where / name, os.X_OK) for name in NAMES):
        return None
    return Dapr(daprd, placement, scheduler, VERSION, "built")


def dapr_cli(cache_dir: Path) -> Path | None:
    """The `dapr` CLI: the installed one, else the one that the shop has built. Only `dapr run` needs it."""
    ours = cli_home(cache_dir) / "dapr"
    return _which("dapr") or (ours if os.access(ours, os.X_OK) else None)


def _machine() -> str:
    return f"{platform.system()}-{platform.machine()}".lower()


def _which(name: str) -> Path | None:
    runtime_home, told = home_directory(), os.environ.get("DAPR_RUNTIME_PATH")
    runtime_path = Path(told) if told else runtime_home
    before, after = ([str(bin_dir(each))] if each else [] for each in (runtime_path, runtime_home))
    found = shutil.which(name, path=os.pathsep.join([*before, os.environ.get("PATH", os.defpath), *after]))
    return Path(found) if found else None


def is_supported(version: str) -> bool:
    """Whether the shop runs with this version: 1.18 or newer within its line."""
    return numbers_of(version)[:2] == LINE


def is_safe(version: str) -> bool:
    """Whether no event can end the sidecar of this version."""
    return numbers_of(version) >= SAFE


def numbers_of(version: str) -> tuple[int, ...]:
    """A version such as `v1.18.3-rc.1` in its three numbers; () where it has none."""
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", version)
    return tuple(int(part) for part in match.groups()) if match else ()


def version_of(binary: Path, flags: Iterable[str] = ("--version",), env: Mapping[str, str] | None = None) -> str:
    """What `binary` says its version is; empty where it does not answer."""
    try:
        answer = subprocess.run([binary, *flags], capture_output=True, text=True, timeout=10, check=False, env=env)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r"\d+\.\d+(\.\d+)?\S*", answer.stdout)
    return match[0] if match else ""
