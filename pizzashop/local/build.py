"""Dapr built once for this user: in a directory that goes away, the binaries moved into place at the end."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from pizzashop.domain.errors import LocalError
from pizzashop.local import dapr, toolchain
from pizzashop.local.build_progress import BuildProgress
from pizzashop.local.closing import Closing, Interrupted
from pizzashop.local.gobuild import MODULES, Build

GIGABYTES = 7
_PREFIX = "building-"


def build(cache_dir: Path, console: Console, closing: Closing) -> None:
    """Build Dapr into its place under `cache_dir`; whatever happens, nothing but finished binaries stays."""
    with _alone(cache_dir, console, closing):
        if dapr.built(cache_dir):
            return
        for left in cache_dir.glob(f"{_PREFIX}*"):
            remove(left)
        _require_space(cache_dir)
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=cache_dir))
        try:
            _build(directory, console, closing)
            remove(dapr.home(cache_dir))
            (directory / "home").replace(dapr.home(cache_dir))
        except Interrupted:
            console.print("  Stopping, and removing what was made so far ...")
            raise Interrupted("Dapr is not built. `pizzashop up` begins again.") from None
        except LocalError as error:
            raise LocalError(
                f"Dapr could not be built. {error}\nNothing is left behind. If this machine cannot reach a Go"
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


def _build(directory: Path, console: Console, closing: Closing) -> None:
    console.print(
        f"  Dapr {dapr.VERSION} is built now, once, and then kept: about 8 minutes on 2 cores, and up to"
        f" {GIGABYTES} GB of disk meanwhile.\n  `dapr init` is quicker, where you can. Ctrl-C stops it.",
        soft_wrap=True,
    )
    with BuildProgress(console) as progress:
        go = toolchain.installed()
        if go is None:
            progress.begin("Fetching Go")
            go = toolchain.fetch(directory / "toolchain", closing)
        work = Build(go, directory, closing)
        progress.begin("Downloading")
        needs = [work.needs(module, progress.step) for module in MODULES]
        progress.begin("Compiling", len(set[str]().union(*needs)))
        for module in MODULES:
            work.make(module, dapr.bin_dir(directory / "home"), progress.step)
    built = dapr.under(directory / "home")
    if built is None or dapr.version_of(built.daprd) != dapr.VERSION:
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
