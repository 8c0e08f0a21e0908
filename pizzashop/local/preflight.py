"""What must hold before anything is started."""

import os
import shutil
from pathlib import Path

from pizzashop.domain.errors import LocalError
from pizzashop.local import ports
from pizzashop.local.closing import Closing
from pizzashop.local.health import listening
from pizzashop.local.project import App, Project
from pizzashop.local.services import PORTS
from pizzashop.local.sidecars import commands_path


def require(project: Project, closing: Closing | None = None, tell: ports.Tell = lambda _: None) -> None:
    """Raise LocalError where a port is held by another, or a command of the run file cannot be found."""
    ports.require_free(wanted(project), closing or Closing(), tell)
    require_commands(project)


def require_commands(project: Project) -> None:
    """Raise LocalError where a command of the run file cannot be found."""
    for app in project.apps:
        if app.command and not shutil.which(_program(app), path=commands_path()):
            mend = ": run `pip install -e .` in the project" if app.command[0] == "pizzashop" else ""
            raise LocalError(f"`{app.command[0]}`, which {app.app_id} runs, is not installed{mend}.")


def _program(app: App) -> str:
    # With a slash in its name it is looked for in the app's directory, not in the PATH.
    name = app.command[0]
    return str((app.directory or Path()) / name) if os.sep in name else name


def wanted(project: Project) -> list[int]:
    """Every port that must be free: those of the roles and sidecars, and of the services that do not run yet."""
    of_services = [port for each in PORTS.values() if not listening(each[0]) for port in each]
    return [*project.ports, *of_services]
