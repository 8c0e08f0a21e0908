"""Provide the Dapr that the shop runs with: the installed one, the one built before, or one that is built now."""

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from pizzashop.errors import LocalError
from pizzashop.local import dapr_binaries, go
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.ports import is_listening
from pizzashop.local.programs import SERVICE_PORTS
from pizzashop.local.shutdown import Interrupted, Shutdown

# A build needs this much room on the disk until it has finished.
BUILD_GIGABYTES = 5
_PREFIX = "building-"
# Without a terminal the progress is printed once in this time.
_PROGRESS_SECONDS = 30.0


def find_dapr(cache_dir: Path) -> Dapr | None:
    """Return the installed Dapr if it is complete, otherwise the built one; None if there is neither."""
    installed = dapr_binaries.installed_dapr()
    return installed if installed and _is_complete(installed) else dapr_binaries.built_dapr(cache_dir)


def provide_dapr(cache_dir: Path, console: Console, shutdown: Shutdown) -> Dapr:
    """Return the Dapr of `find_dapr`; build it first if there is none.

    Only the finished binaries stay in `cache_dir`, also when the build fails. Raise LocalError if it fails.
    """
    cache_dir = cache_dir.expanduser().absolute()
    if (dapr := find_dapr(cache_dir)) is None:
        home = dapr_binaries.runtime_home(cache_dir)
        target = _Target("Dapr", dapr_binaries.VERSION, go.DAPR, 4, home, dapr_binaries.bin_dir(home), "daprd")
        _build(target, cache_dir, console, shutdown)
        dapr = dapr_binaries.built_dapr(cache_dir)
        assert dapr is not None
    return dapr


def provide_cli(cache_dir: Path, console: Console, shutdown: Shutdown) -> Path:
    """Return the `dapr` CLI, which only `dapr run` needs; build it first, as above, if there is none."""
    cache_dir = cache_dir.expanduser().absolute()
    if (cli := dapr_binaries.dapr_cli(cache_dir)) is None:
        home = dapr_binaries.cli_home(cache_dir)
        target = _Target("The Dapr CLI", dapr_binaries.CLI_VERSION, go.CLI, 3, home, home, "dapr")
        _build(target, cache_dir, console, shutdown)
        cli = dapr_binaries.dapr_cli(cache_dir)
        assert cli is not None
    return cli


def remove_tree(directory: Path) -> None:
    """Remove a directory if it exists, also one that Go has made read-only."""
    try:
        shutil.rmtree(directory)
    except FileNotFoundError:
        return
    except PermissionError:
        for each in (directory, *directory.rglob("*/")):
            each.chmod(0o700)
        shutil.rmtree(directory)


@dataclass(frozen=True)
class _Target:
    """What a build makes: of which module, in about how many minutes on 2 cores, and where its binaries go.

    `bin_dir` is inside `home`. `binary` is the name of one binary, which prints the version.
    """

    name: str
    version: str
    module: go.Module
    minutes: int
    home: Path
    bin_dir: Path
    binary: str

    def is_built_in(self, directory: Path) -> bool:
        return dapr_binaries.version_of(directory / self.binary) == self.version


class _Progress:
    """Shows how far a build is: a bar in a terminal, and elsewhere a line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phase, self._unit, self._done, self._total, self._printed_at = "", "", 0, 0, 0.0
        self.bar = Progress(
            TextColumn("  {task.description:<12}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[count]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self.bar.add_task("", total=None, count="")

    def begin(self, phase: str, unit: str = "", total: int = 0) -> None:
        """Begin a phase of the build, with `total` units of work if that is known."""
        self._phase, self._unit, self._done, self._total = phase, unit, 0, total
        self._printed_at = time.monotonic()
        self.bar.reset(self._task, total=total or None, description=phase, count="")
        if not self._console.is_terminal:
            self._console.print(f"  {phase}{f': {total} {unit}' if total else ''}")

    def advance(self, _: str = "") -> None:
        """Count one unit of work."""
        self._done = min(self._done + 1, self._total) if self._total else self._done + 1
        count = f"{self._done} of {self._total} {self._unit}" if self._total else f"{self._done} {self._unit}"
        self.bar.update(self._task, completed=self._done if self._total else 0, count=count)
        if not self._console.is_terminal and time.monotonic() - self._printed_at > _PROGRESS_SECONDS:
            self._printed_at = time.monotonic()
            self._console.print(f"  {self._phase}: {count}")


def _is_complete(dapr: Dapr) -> bool:
    # An installation with containers has no placement and no scheduler to start: they must be running already.
    binaries = {"placement": dapr.placement, "scheduler": dapr.scheduler}
    return all(path is not None or is_listening(SERVICE_PORTS[name][0]) for name, path in binaries.items())


def _build(target: _Target, cache_dir: Path, console: Console, shutdown: Shutdown) -> None:
    with _build_lock(cache_dir, console, shutdown):
        if target.is_built_in(target.bin_dir):
            return
        for leftover in cache_dir.glob(f"{_PREFIX}*"):
            remove_tree(leftover)
        _require_room(cache_dir)
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=cache_dir))
        try:
            _compile(target, directory, console, shutdown)
            remove_tree(target.home)
            (directory / "home").replace(target.home)
        except Interrupted:
            console.print("  Stopping, and removing the unfinished build ...")
            raise Interrupted(f"{target.name} is not built. `pizzashop up` begins again.") from None
        except LocalError as error:
            raise LocalError(
                f"{target.name} could not be built. {error}\nNothing is left behind. If this machine cannot reach a Go"
                " module proxy (GOPROXY), install Dapr 1.18 with `dapr init`; else run `pizzashop up` again."
            ) from None
        finally:
            remove_tree(directory)


def _compile(target: _Target, directory: Path, console: Console, shutdown: Shutdown) -> None:
    console.print(
        f"  {target.name} {target.version} is built now, once, and then kept: about {target.minutes} minutes on"
        f" 2 cores, and up to {BUILD_GIGABYTES} GB of disk meanwhile.\n"
        "  `dapr init` is quicker, where you can. Ctrl-C stops it.",
        soft_wrap=True,
    )
    bin_dir = directory / "home" / target.bin_dir.relative_to(target.home)
    progress = _Progress(console)
    with progress.bar:
        binary = go.installed_go()
        if binary is None:
            progress.begin("Fetching Go")
            binary = go.fetch_go(directory / "toolchain", shutdown)
        compiler = go.Compiler(binary, directory, shutdown)
        progress.begin("Downloading", "modules")
        packages = compiler.download(target.module, progress.advance)
        progress.begin("Compiling", "packages", len(packages))
        compiler.compile(target.module, bin_dir, progress.advance)
    if not target.is_built_in(bin_dir):
        raise LocalError(f"The compiled binaries are not version {target.version}.")


def _require_room(cache_dir: Path) -> None:
    free = shutil.disk_usage(cache_dir).free / 1e9
    if free < BUILD_GIGABYTES:
        raise LocalError(
            f"Building Dapr needs {BUILD_GIGABYTES} GB for a while, and {cache_dir} has {free:.1f} GB: make room, set"
            " PIZZASHOP_CACHE_DIR to another disk, or install Dapr 1.18 with `dapr init`."
        )


@contextmanager
def _build_lock(cache_dir: Path, console: Console, shutdown: Shutdown) -> Iterator[None]:
    """Hold the lock that keeps two builds apart; raise LocalError if the cache directory is not writable."""
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        lock = (cache_dir / "build.lock").open("w")
    except OSError as error:
        raise LocalError(f"{cache_dir} cannot be written: {error.strerror}.") from None
    with lock:
        is_reported = False
        while not _try_lock(lock.fileno()):
            if not is_reported:
                console.print("  Dapr is being built by another `pizzashop up`: waiting for it ...")
            is_reported = True
            shutdown.sleep(0.5)
        yield


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
