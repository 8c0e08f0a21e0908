"""Build programs that tests need from Go modules, or copy files of such a module, once, into the cache directory.

`python tests/go_programs.py` builds Dapr's Sentry and prints its path.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import click

from pizzashop.local.build import build_environment, fetch_go, installed_go
from pizzashop.local.dapr_binaries import VERSION, machine_name
from pizzashop.local.shutdown import Shutdown
from pizzashop.settings import Settings

DAPR_MODULE = Path(str(files("pizzashop.local"))) / "golang" / "dapr"
_DAPR_CHART = "github.com/dapr/dapr/charts/dapr"


def cache_dir() -> Path:
    return Settings.from_env().cache_dir.expanduser()


def sentry() -> Path:
    """Return the path of Dapr's Sentry, which a shop on one machine does not have; `build_sentry` makes it."""
    return cache_dir() / f"sentry-{VERSION}-{machine_name()}" / "sentry"


def build_sentry() -> None:
    build(sentry().parent, f"Dapr's Sentry {VERSION}", {DAPR_MODULE: ["github.com/dapr/dapr/cmd/sentry"]})


def build(
    home: Path,
    title: str,
    modules: Mapping[Path, Sequence[str]],
    variables: Sequence[str] = (),
    *,
    with_dapr_chart: bool = False,
) -> None:
    """Build the packages of each module into `home`; do nothing if it exists.

    `variables` are values that the linker sets, as `name=value`. Dapr's own chart is copied to `home / "dapr"`.
    """
    if home.exists():
        return
    click.echo(f"Building {title} ...")
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="test-building-", dir=home.parent) as name:
        directory = Path(name)
        go = installed_go() or fetch_go(directory / "toolchain", Shutdown())
        env = build_environment(go, directory)
        link_flags = " ".join(["-s -w", *(f"-X {each}" for each in variables)])
        # Without optimisations they are built in two thirds of the time.
        options = ["-modcacherw", "-gcflags=all=-N -l", f"-ldflags={link_flags}", "-o", f"{directory}/home/"]
        (directory / "home").mkdir()
        for module, packages in modules.items():
            _run([go, "build", *options, *packages], module, env)
        if with_dapr_chart:
            chart = _run([go, "list", "-modcacherw", "-f={{.Dir}}", _DAPR_CHART], DAPR_MODULE, env).strip()
            shutil.copytree(chart, directory / "home" / "dapr")
        (directory / "home").replace(home)


def fetch_folder(home: Path, module: str, folder: str) -> None:
    """Copy a folder of a Go module, `path@version`, to `home`; do nothing if `home` exists."""
    if home.exists():
        return
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="test-fetching-", dir=home.parent) as name:
        directory = Path(name)
        go = installed_go() or fetch_go(directory / "toolchain", Shutdown())
        env = {**build_environment(go, directory), "GOFLAGS": "-modcacherw"}
        found = json.loads(_run([go, "mod", "download", "-json", module], directory, env))
        shutil.copytree(Path(found["Dir"]) / folder, directory / "home")
        (directory / "home").replace(home)


def _run(command: Sequence[str | Path], directory: Path, env: Mapping[str, str]) -> str:
    result = subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"The build in {directory} has failed:\n{result.stderr}")
    return result.stdout


if __name__ == "__main__":
    build_sentry()
    click.echo(sentry())
