"""What must hold before anything is started."""

import shutil

from pizzashop.domain.errors import LocalError
from pizzashop.local import ports
from pizzashop.local.closing import Closing
from pizzashop.local.health import listening
from pizzashop.local.project import Project
from pizzashop.local.services import PORTS
from pizzashop.local.sidecars import commands_path


def require(project: Project, closing: Closing | None = None, tell: ports.Tell = lambda _: None) -> None:
    """Raise LocalError where a port is held by another, or a command of the run file cannot be found."""
    ports.require_free(wanted(project), closing or Closing(), tell)
    for app in project.apps:
        if app.command and not shutil.which(app.command[0], path=commands_path()):
            raise LocalError(f"`{app.command[0]}` is not installed: run `pip install -e .` in the project.")


def wanted(project: Project) -> list[int]:
    """Every port that must be free: those of the roles and sidecars, and of the services that do not run yet."""
    of_services = [port for each in PORTS.values() if not listening(each[0]) for port in each]
    return [*project.ports, *of_services]
