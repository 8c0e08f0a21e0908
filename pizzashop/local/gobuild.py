"""Dapr from its pinned Go modules: what is compiled, how, and into which directory."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from pizzashop.local.amend import amend
from pizzashop.local.closing import Closing
from pizzashop.local.command import run
from pizzashop.local.dapr import VERSION

CLI_VERSION = "1.16.5"
_DAPR = "github.com/dapr/dapr"
_LINK = (
    # With no version in daprd, the CLI starts sidecars that know no scheduler.
    f"-s -w -X {_DAPR}/pkg/buildinfo.version={VERSION} -X github.com/dapr/kit/logger.DaprVersion={VERSION}"
)

Line = Callable[[str], None]


@dataclass(frozen=True)
class Module:
    """A Go module of this package, whose go.mod and go.sum pin all that goes into its binaries."""

    name: str
    packages: tuple[str, ...]
    flags: tuple[str, ...]
    output: str = ""
    """What its one binary is called; several are called as their packages."""
    amended: str = ""
    """The module in which the shop changes a line, with its version, see `amend`."""


MODULES = (
    Module(
        "runtime",
        tuple(f"{_DAPR}/cmd/{name}" for name in ("daprd", "placement", "scheduler")),
        ("-tags=stablecomponents", f"-ldflags={_LINK}"),
        amended=f"{_DAPR}@v{VERSION}",
    ),
    Module("cli", ("github.com/dapr/cli",), (f"-ldflags=-s -w -X main.version={CLI_VERSION}",), "dapr"),
)


@dataclass(frozen=True)
class Build:
    """One build: a Go, and a directory that holds everything it makes, its caches too."""

    go: Path
    directory: Path
    closing: Closing

    def needs(self, module: Module, line: Line) -> set[str]:
        """Every package that goes into this module's binaries, as `path@version`; downloads them first."""
        found: set[str] = set()
        each = "{{.ImportPath}}@{{with .Module}}{{.Version}}{{end}}"
        tags = [flag for flag in module.flags if flag.startswith("-tags")]

        def take(text: str) -> None:
            if text.startswith("go: "):
                line(text)
            elif "@" in text:
                found.add(text)

        self._go(module, ["list", "-mod=readonly", "-modcacherw", "-deps", f"-f={each}", *tags], take)
        return found

    def make(self, module: Module, target: Path, line: Line) -> None:
        """Compile this module's binaries into `target`; Go names each package as it begins with it."""
        target.mkdir(parents=True, exist_ok=True)
        options = ["-v", "-trimpath", "-mod=readonly", "-modcacherw", *module.flags]
        if module.amended:
            amend(self.directory / "modules" / module.amended)
        self._go(module, ["build", *options, "-o", f"{target}{os.sep}{module.output}"], line)

    def _go(self, module: Module, words: list[str], line: Line) -> None:
        source = Path(str(files("pizzashop.local"))) / "golang" / module.name
        run([str(self.go), *words, *module.packages], cwd=source, env=self._env(), line=line, closing=self.closing)

    def _env(self) -> dict[str, str]:
        # GOPROXY and its like stay as they are: they say where this machine gets its modules from.
        inherited = {key: value for key, value in os.environ.items() if key not in ("GOROOT", "GOOS", "GOARCH")}
        caches = {"GOCACHE": "cache", "GOMODCACHE": "modules", "GOPATH": "path", "GOTMPDIR": "tmp"}
        ours = {key: str(self.directory / name) for key, name in caches.items()}
        (self.directory / "tmp").mkdir(exist_ok=True)
        return {**inherited, **ours, "GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"}
