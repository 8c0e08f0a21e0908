"""Run Helm on the chart, and know the schemas of its resources. No cluster is needed.

`python tests/chart/helm.py` builds Helm from its Go modules, once: about 80 seconds on 2 cores.
"""

import subprocess
from collections.abc import Iterable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from go_programs import build, cache_dir, fetch_folder

from pizzashop.local.dapr_binaries import machine_name

CHART = Path(__file__).parents[2] / "deploy" / "chart"
VERSION = "3.22.0"
# The version of Kubernetes that Helm renders for.
KUBERNETES = ("1", "36")
HOME = cache_dir() / f"helm-{VERSION}-{machine_name()}"


# The resources of the Prometheus operator.
OPERATOR_VERSION = "0.85.0"
OPERATOR_CRDS = cache_dir() / f"prometheus-operator-crds-{OPERATOR_VERSION}"
OPERATOR_FILES = ("monitoring.coreos.com_podmonitors.yaml", "monitoring.coreos.com_prometheusrules.yaml")


def fetch_operator_crds() -> None:
    module = f"github.com/prometheus-operator/prometheus-operator@v{OPERATOR_VERSION}"
    fetch_folder(OPERATOR_CRDS, module, "example/prometheus-operator-crd")


def build_helm() -> None:
    package = "helm.sh/helm/v3/pkg/chartutil"
    variables = [
        f"{package}.k8sVersion{part}={value}" for part, value in zip(("Major", "Minor"), KUBERNETES, strict=True)
    ]
    module = Path(__file__).parent / "golang"
    build(HOME, f"Helm {VERSION}", {module: ["helm.sh/helm/v3/cmd/helm"]}, variables, with_dapr_chart=True)


def helm(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Helm, and return its exit code and its output."""
    return subprocess.run([HOME / "helm", *arguments], capture_output=True, text=True, check=False)


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
def custom_schemas() -> dict[tuple[str, str], dict[str, Any]]:
    """Return the JSON schema of each resource of Dapr and of the Prometheus operator by `apiVersion` and kind.

    It refuses unknown fields.
    """
    schemas = {}
    for file in (*(HOME / "dapr" / "crds").glob("*.yaml"), *(OPERATOR_CRDS / each for each in OPERATOR_FILES)):
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
    build_helm()
    fetch_operator_crds()
