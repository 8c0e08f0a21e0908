"""What a row is measured on: a shop of its own with an empty store, and the bare engine beside it."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from bare import Bare, beside

from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project
from pizzashop.local.shop import Shop

Step = Callable[[str], None]


class Stand:
    """Opens shops, one after another; `runs` says how often a thing is to be measured, `step` what is done now."""

    def __init__(self, project: Project, dapr: Dapr, runs: int, step: Step) -> None:
        self._project, self._dapr = project, dapr
        self.runs, self.step = runs, step

    @contextmanager
    def shop(self, pace: float, *, together: bool = False, **settings: object) -> Iterator[Shop]:
        """A shop in a directory that goes with it; `together`: all roles in one process."""
        self.step("opening")
        env = {"PIZZASHOP_PACE": str(pace)} | {f"PIZZASHOP_{name.upper()}": str(v) for name, v in settings.items()}
        with tempfile.TemporaryDirectory(prefix="pizzashop-bench-") as name:
            directory = Path(name)
            project = _together(self._project, directory) if together else self._project
            with Shop(directory, project, self._dapr, env=env) as shop:
                shop.open()
                yield shop

    @contextmanager
    def bare(self, shop: Shop) -> Iterator[Bare]:
        """The bare engine on the services of an open shop."""
        with beside(shop.state_dir, self._project, self._dapr) as bare:
            yield bare


def _together(project: Project, directory: Path) -> Project:
    """The same run file with one process for all roles: the other entries keep their sidecars alone."""
    content = yaml.safe_load(project.run_file.read_text())
    content["common"] |= {"resourcesPath": str(project.resources), "configFilePath": str(project.config)}
    first, *others = content["apps"]
    first["command"] = ["pizzashop", "serve", "--role", "all"]
    for each in content["apps"]:
        each["appDirPath"] = str(project.run_file.parent)
    for each in others:
        del each["command"]
    run_file = directory / "dapr.yaml"
    run_file.write_text(yaml.safe_dump(content))
    return Project.read(run_file)
