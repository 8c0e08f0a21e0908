"""What a row is measured on: a shop with an empty store, and the bare engine beside it."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bare import BareEngine, open_bare_engine
from rich.console import Console
from run_files import write_run_file

from pizzashop.local.build import provide_telemetry
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.ports import HOST
from pizzashop.local.programs import scrape_targets
from pizzashop.local.project import Project
from pizzashop.local.shop import Shop
from pizzashop.local.shutdown import Shutdown
from pizzashop.local.telemetry import Telemetry
from pizzashop.settings import Settings


class TestBed:
    """Opens a shop for each row; `runs` is how often a row measures, `report` shows what happens now."""

    def __init__(self, project: Project, dapr: Dapr, runs: int, report: Callable[[str], None]) -> None:
        self._project, self._dapr = project, dapr
        self.runs, self.report = runs, report

    @contextmanager
    def shop(
        self, pace: float, *, one_process: bool = False, has_telemetry: bool = False, **settings: object
    ) -> Iterator[Shop]:
        """Open a shop in a temporary directory.

        With `one_process`, one process serves all roles; with `has_telemetry`, the shop is that of `up --telemetry`.
        """
        self.report("opening")
        env = {"PIZZASHOP_PACE": str(pace)} | {f"PIZZASHOP_{name.upper()}": str(v) for name, v in settings.items()}
        with tempfile.TemporaryDirectory(prefix="pizzashop-bench-") as name:
            directory = Path(name)
            project = _one_process_project(self._project, directory) if one_process else self._project
            telemetry = _telemetry(self._project, directory) if has_telemetry else None
            with Shop(directory, project, self._dapr, env=env, telemetry=telemetry) as shop:
                shop.open()
                yield shop

    @contextmanager
    def bare_engine(self, shop: Shop) -> Iterator[BareEngine]:
        """Start the bare engine on the services of an open shop."""
        with open_bare_engine(shop.state_dir, self._project, self._dapr) as bare:
            yield bare


def _telemetry(project: Project, directory: Path) -> Telemetry:
    binaries = provide_telemetry(Settings.from_env().cache_dir, Console(stderr=True), Shutdown())
    telemetry = Telemetry(directory / "telemetry", binaries)
    telemetry.write_configuration(scrape_targets(project, HOST), token="")
    return telemetry


def _one_process_project(project: Project, directory: Path) -> Project:
    """Return the project with one process for all roles; the other apps of the run file keep only their sidecars."""

    def change(apps: dict[str, dict[str, Any]]) -> None:
        first, *others = apps.values()
        first["command"] = ["pizzashop", "serve", "--role", "all"]
        for app in apps.values():
            app["appDirPath"] = str(project.run_file.parent)
        for app in others:
            del app["command"]

    return Project.read(write_run_file(project, directory, change))
