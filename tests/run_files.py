"""Run files for tests: the project's own, with some of its apps changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from pizzashop.local.project import RUN_FILE, Project


def write_run_file(project: Project, directory: Path, change: Callable[[dict[str, dict[str, Any]]], object]) -> Path:
    """Write the project's run file to a directory, after `change` of its apps, by app-id; return the path."""
    content = yaml.safe_load(project.run_file.read_text())
    content["common"] |= {"resourcesPath": str(project.resources), "configFilePath": str(project.config)}
    change({app["appID"]: app for app in content["apps"]})
    run_file = directory / RUN_FILE
    run_file.write_text(yaml.safe_dump(content))
    return run_file
