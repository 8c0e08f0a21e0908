"""Dapr from its pinned Go modules: what is compiled, how, and into which directory."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from pizzashop.local import toolchain
from pizzashop.local.amend import amend
from pizzashop.local.closing import Closing
from pizzashop.local.command import run
from pizzashop.local.dapr import CLI_VERSION, VERSION

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
    closing: Closing

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
            amend(self.directory / "modules" / module.amended)
        self._go(module, ["build", *options, "-o", f"{target}{os.sep}{module.output}"], line)

    def _go(self, module: Module, words: list[str], line: Line) -> None:
        source = Path(str(files("pizzashop.local"))) / "golang" / module.name
        run([str(self.go), *words, *module.packages], cwd=source, env=self._env(), line=line, closing=self.closing)

    def _env(self) -> dict[str, str]:
        caches = {"GOCACHE": "cache", "GOMODCACHE": "modules", "GOPATH": "path", "GOTMPDIR": "tmp"}
        ours = {key: str(self.directory / name) for key, name in caches.items()}
        (self.directory / "tmp").mkdir(exist_ok=True)
        return {**toolchain.build_environment(self.go), **ours, "CGO_ENABLED": "0"}
