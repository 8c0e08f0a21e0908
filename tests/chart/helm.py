"""Provide Helm and the schemas of Dapr's resources for the tests of the chart.

`python tests/chart/helm.py` builds Helm from its Go modules, once: about a minute on 2 cores. No cluster is needed.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
import yaml

from pizzashop.local.build import build_environment, fetch_go, installed_go
from pizzashop.local.dapr_binaries import machine_name
from pizzashop.local.shutdown import Shutdown
from pizzashop.settings import Settings

CHART = Path(__file__).parents[2] / "deploy" / "chart"
VERSION = "3.22.0"
# The version of Kubernetes that Helm renders for.
KUBERNETES = "1.36"
HOME = Settings.from_env().cache_dir.expanduser() / f"helm-{VERSION}-{machine_name()}"
_HELM, _CRDS = HOME / "helm", HOME / "crds"
_DAPR_CHART = "github.com/dapr/dapr/charts/dapr"


def build() -> None:
    """Build Helm and copy Dapr's custom resource definitions into the cache directory; do nothing if both exist."""
    if HOME.exists():
        return
    click.echo(f"Building Helm {VERSION}, for the tests of the chart ...")
    HOME.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="helm-building-", dir=HOME.parent) as name:
        directory = Path(name)
        go = installed_go() or fetch_go(directory / "toolchain", Shutdown())
        env = build_environment(go, directory)
        major, _, minor = KUBERNETES.partition(".")
        package = "helm.sh/helm/v3/pkg/chartutil"
        link_flags = f"-s -w -X {package}.k8sVersionMajor={major} -X {package}.k8sVersionMinor={minor}"
        # Without optimisations it is built in two thirds of the time.
        options = ["-modcacherw", "-gcflags=all=-N -l", f"-ldflags={link_flags}", "-o", f"{directory}/home/helm"]
        source = Path(__file__).parent / "golang"
        _run([go, "build", *options, "helm.sh/helm/v3/cmd/helm"], source, env)
        dapr = Path(str(files("pizzashop.local"))) / "golang" / "dapr"
        chart = _run([go, "list", "-modcacherw", "-f={{.Dir}}", _DAPR_CHART], dapr, env)
        shutil.copytree(Path(chart.strip()) / "crds", directory / "home" / "crds")
        (directory / "home").replace(HOME)


def _run(command: Sequence[str | Path], directory: Path, env: Mapping[str, str]) -> str:
    result = subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"Helm could not be built:\n{result.stderr}")
    return result.stdout


def helm(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Helm, and return its exit code and its output."""
    return subprocess.run([_HELM, *arguments], capture_output=True, text=True, check=False)


def render(example: str, *settings: str) -> list[dict[str, Any]]:
    """Return the resources of a release `shop` in the namespace `pizza`, with an example's values and `--set-json`."""
    return deepcopy(_render(example, settings))


@cache
def _render(example: str, settings: tuple[str, ...]) -> list[dict[str, Any]]:
    options = [option for each in settings for option in ("--set-json", each)]
    values = ["--namespace", "pizza", "--values", str(example_file(example)), *options]
    result = helm("template", "shop", str(CHART), *values)
    assert result.returncode == 0, result.stderr
    return [document for document in yaml.safe_load_all(result.stdout) if document]


def example_file(example: str) -> Path:
    return CHART / "examples" / f"{example}.yaml"


def of_kind(resources: Iterable[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """Return the resources of one kind by name."""
    return {each["metadata"]["name"]: each for each in resources if each["kind"] == kind}


@cache
def dapr_schemas() -> dict[tuple[str, str], dict[str, Any]]:
    """Return the JSON schema of each Dapr resource by `apiVersion` and kind; it refuses unknown fields."""
    schemas = {}
    for file in _CRDS.glob("*.yaml"):
        for definition in filter(None, yaml.safe_load_all(file.read_text())):
            spec = definition["spec"]
            for version in spec["versions"]:
                schema = _refuse_unknown_fields(version["schema"]["openAPIV3Schema"])
                schema["properties"]["metadata"] = {"type": "object"}
                schemas[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    return schemas


def _refuse_unknown_fields(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_refuse_unknown_fields(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {name: _refuse_unknown_fields(each) for name, each in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        strict.setdefault("additionalProperties", bool(schema.get("x-kubernetes-preserve-unknown-fields")))
    return strict


if __name__ == "__main__":
    sys.exit(build())
