"""The Dapr that the shop runs with: installed, built before, or built now."""

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from pizzashop.errors import LocalError
from pizzashop.local import dapr_binaries, go
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.go import CLI, DAPR, Build, Module
from pizzashop.local.ports import listening
from pizzashop.local.processes import Interrupted, Shutdown
from pizzashop.local.services import PORTS

_EVERY = 30.0


class BuildProgress:
    """Counts what is downloaded, then what is compiled."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._done, self._total, self._said, self._what = 0, 0, time.monotonic(), ""
        self._bar = Progress(
            TextColumn("  {task.description:<22}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[count]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, count="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, what: str, total: int = 0) -> None:
        """A new part of the work, of `total` pieces where that is known."""
        self._done, self._total, self._what = 0, total, what
        self._bar.reset(self._task, total=total or None, description=what, count="")
        if not self.console.is_terminal:
            self.console.print(f"  {what}{f': {total} packages' if total else ''}")

    def step(self, _: str = "") -> None:
        """One piece more."""
        self._done = min(self._done + 1, self._total) if self._total else self._done + 1
        count = f"{self._done} of {self._total} packages" if self._total else f"{self._done} modules"
        self._bar.update(self._task, completed=self._done if self._total else 0, count=count)
        if not self.console.is_terminal and time.monotonic() - self._said > _EVERY:
            self._said = time.monotonic()
            self.console.print(f"  {self._what}: {count}")


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
        return dapr_binaries.version_of(self.bin_dir / self.first) == self.version


def build(cache_dir: Path, console: Console, closing: Shutdown) -> None:
    """Build Dapr into its place under `cache_dir`; whatever happens, nothing but finished binaries stays."""
    home = dapr_binaries.runtime_home(cache_dir)
    target = _Target("Dapr", dapr_binaries.VERSION, DAPR, 4, home, dapr_binaries.bin_dir(home), "daprd")
    _build_once(target, cache_dir, console, closing)


def build_cli(cache_dir: Path, console: Console, closing: Shutdown) -> None:
    """Build the `dapr` CLI, which only `dapr run` needs, in the same way."""
    home = dapr_binaries.cli_home(cache_dir)
    _build_once(
        _Target("The Dapr CLI", dapr_binaries.CLI_VERSION, CLI, 3, home, home, "dapr"), cache_dir, console, closing
    )


def _build_once(target: _Target, cache_dir: Path, console: Console, closing: Shutdown) -> None:
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


def _build(target: _Target, directory: Path, binaries: Path, console: Console, closing: Shutdown) -> None:
    console.print(
        f"  {target.name} {target.version} is built now, once, and then kept: about {target.minutes} minutes on"
        f" 2 cores, and up to {GIGABYTES} GB of disk meanwhile.\n"
        "  `dapr init` is quicker, where you can. Ctrl-C stops it.",
        soft_wrap=True,
    )
    with BuildProgress(console) as progress:
        binary = go.installed_go()
        if binary is None:
            progress.begin("Fetching Go")
            binary = go.fetch_go(directory / "toolchain", closing)
        work = Build(binary, directory, closing)
        progress.begin("Downloading")
        needs = work.needs(target.module, progress.step)
        progress.begin("Compiling", len(needs))
        work.make(target.module, binaries, progress.step)
    if dapr_binaries.version_of(binaries / target.first) != target.version:
        raise LocalError("The binaries that came out are not those that were wanted.")


def _require_space(cache_dir: Path) -> None:
    free = shutil.disk_usage(cache_dir).free / 1e9
    if free < GIGABYTES:
        raise LocalError(
            f"Building Dapr needs {GIGABYTES} GB for a while, and {cache_dir} has {free:.1f} GB: make room, set"
            " PIZZASHOP_CACHE_DIR to another disk, or install Dapr 1.18 with `dapr init`."
        )


@contextmanager
def _alone(cache_dir: Path, console: Console, closing: Shutdown) -> Iterator[None]:
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


def provide_dapr(cache_dir: Path, console: Console, closing: Shutdown) -> Dapr:
    """The installed Dapr if all of it is there, else the one that was built before, else one built now."""
    cache_dir = cache_dir.expanduser().absolute()
    found = find_dapr(cache_dir)
    if found is None:
        pass

        build(cache_dir, console, closing)
        found = dapr_binaries.built_dapr(cache_dir)
        assert found is not None
    return found


def find_dapr(cache_dir: Path) -> Dapr | None:
    """What is there without building anything."""
    installed = dapr_binaries.installed_dapr()
    return installed if installed and _complete(installed) else dapr_binaries.built_dapr(cache_dir)


def provide_cli(cache_dir: Path, console: Console, closing: Shutdown) -> Path:
    """The installed `dapr` CLI, else the one that was built before, else one built now."""
    cache_dir = cache_dir.expanduser().absolute()
    found = dapr_binaries.dapr_cli(cache_dir)
    if found is None:
        pass

        build_cli(cache_dir, console, closing)
        found = dapr_binaries.dapr_cli(cache_dir)
        assert found is not None
    return found


def _complete(found: Dapr) -> bool:
    # Installed with containers, Dapr has no placement and scheduler to start: they must run already.
    binaries = {"placement": found.placement, "scheduler": found.scheduler}
    return all(path is not None or listening(PORTS[name][0]) for name, path in binaries.items())
