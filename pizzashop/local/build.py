"""Dapr built once for this user: in a directory that goes away, the binaries moved into place at the end."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from pizzashop.domain.errors import LocalError
from pizzashop.local import dapr, toolchain
from pizzashop.local.build_progress import BuildProgress
from pizzashop.local.closing import Closing, Interrupted
from pizzashop.local.gobuild import CLI, DAPR, Build, Module

GIGABYTES = 5
_PREFIX = "building-"


@dataclass(frozen=True)
class _Target:
    """What is built: from which module, how long it takes on 2 cores, and where its binaries go under `home`."""

    name: str
    version: str
    module: Module
    minutes: int
    home: Path
    bin_dir: Path
    first: str
    """The binary that says its version when asked."""

    def is_built(self) -> bool:
        return dapr.version_of(self.bin_dir / self.first) == self.version


def build(cache_dir: Path, console: Console, closing: Closing) -> None:
    """Build Dapr into its place under `cache_dir`; whatever happens, nothing but finished binaries stays."""
    home = dapr.home(cache_dir)
    target = _Target("Dapr", dapr.VERSION, DAPR, 4, home, dapr.bin_dir(home), "daprd")
    _build_once(target, cache_dir, console, closing)


def build_cli(cache_dir: Path, console: Console, closing: Closing) -> None:
    """Build the `dapr` CLI, which only `dapr run` needs, in the same way."""
    home = dapr.cli_home(cache_dir)
    _build_once(_Target("The Dapr CLI", dapr.CLI_VERSION, CLI, 3, home, home, "dapr"), cache_dir, console, closing)


def _build_once(target: _Target, cache_dir: Path, console: Console, closing: Closing) -> None:
    with _alone(cache_dir, console, closing):
        if target.is_built():
            return
        for left in cache_dir.glob(f"{_PREFIX}*"):
            remove(left)
        _require_space(cache_dir)
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=cache_dir))
        try:
            binaries = directory / "home" / target.bin_dir.relative_to(target.home)
            _build(target, directory, binaries, console, closing)
            remove(target.home)
            (directory / "home").replace(target.home)
        except Interrupted:
            console.print("  Stopping, and removing what was made so far ...")
            raise Interrupted(f"{target.name} is not built. `pizzashop up` begins again.") from None
        except LocalError as error:
            raise LocalError(
                f"{target.name} could not be built. {error}\nNothing is left behind. If this machine cannot reach a Go"
                " module proxy (GOPROXY), install Dapr 1.18 with `dapr init`; else run `pizzashop up` again."
            ) from None
        finally:
            remove(directory)


def remove(tree: Path) -> None:
    """Remove a directory, also one that Go has made read-only."""
    try:
        shutil.rmtree(tree)
    except FileNotFoundError:
        return
    except PermissionError:
        for each in (tree, *tree.rglob("*/")):
            each.chmod(0o700)
        shutil.rmtree(tree)


def _build(target: _Target, directory: Path, binaries: Path, console: Console, closing: Closing) -> None:
    console.print(
        f"  {target.name} {target.version} is built now, once, and then kept: about {target.minutes} minutes on"
        f" 2 cores, and up to {GIGABYTES} GB of disk meanwhile.\n"
        "  `dapr init` is quicker, where you can. Ctrl-C stops it.",
        soft_wrap=True,
    )
    with BuildProgress(console) as progress:
        go = toolchain.installed()
        if go is None:
            progress.begin("Fetching Go")
            go = toolchain.fetch(directory / "toolchain", closing)
        work = Build(go, directory, closing)
        progress.begin("Downloading")
        needs = work.needs(target.module, progress.step)
        progress.begin("Compiling", len(needs))
        work.make(target.module, binaries, progress.step)
    if dapr.version_of(binaries / target.first) != target.version:
        raise LocalError("The binaries that came out are not those that were wanted.")


def _require_space(cache_dir: Path) -> None:
    free = shutil.disk_usage(cache_dir).free / 1e9
    if free < GIGABYTES:
        raise LocalError(
            f"Building Dapr needs {GIGABYTES} GB for a while, and {cache_dir} has {free:.1f} GB: make room, set"
            " PIZZASHOP_CACHE_DIR to another disk, or install Dapr 1.18 with `dapr init`."
        )


@contextmanager
def _alone(cache_dir: Path, console: Console, closing: Closing) -> Iterator[None]:
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        lock = (cache_dir / "build.lock").open("w")
    except OSError as error:
        raise LocalError(f"{cache_dir} cannot be written: {error.strerror}.") from None
    with lock:
        said = False
        while not _locked(lock.fileno()):
            if not said:
                console.print("  Dapr is being built by another `pizzashop up`: waiting for it ...")
            said = True
            closing.pause(0.5)
        yield


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
