"""The promtool of this machine or of `make promtool`, and the queries of the alerts and the dashboards."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = ROOT / "deploy" / "chart" / "files"
RULES = FILES / "alerts.yaml"


def run_promtool(*arguments: str | Path) -> None:
    """Run promtool, and fail with its output if it fails. Without one the test is skipped, and in CI it fails."""
    found = shutil.which("promtool") or shutil.which("promtool", path=str(ROOT / "build"))
    if found is None:
        reason = "There is no promtool: run `make promtool`, or `apt install prometheus`"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    result = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def load_dashboards() -> ModuleType:
    """Return the generator of the dashboards, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("dashboards", ROOT / "deploy" / "dashboards.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["dashboards"] = module
    spec.loader.exec_module(module)
    return module


def alerts() -> list[dict[str, Any]]:
    """Return the rules of the alerts."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def queries() -> list[str]:
    """Return every query of the alerts and of the dashboards."""
    dashboards = load_dashboards()
    shown = [each for _, rows in dashboards.DASHBOARDS.values() for each in dashboards.expressions(rows)]
    return [*(rule["expr"] for rule in alerts()), *shown]


def metric_names(expressions: Iterable[str]) -> set[str]:
    """Return the names of the metrics in queries."""
    return {name for each in expressions for name in re.findall(r"\b(?:pizzashop|dapr|go|process)_(?!status)\w+", each)}
