"""What `pizzashop doctor` says of resources that are not as they must be."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pizzashop.errors import LocalError
from pizzashop.local import apps, components, doctor, shop
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "dapr.yaml", tmp_path)
    shutil.copytree(ROOT / "resources", tmp_path / "resources")
    return tmp_path


def wrong(directory: Path) -> dict[str, str]:
    project = Project.read(directory / "dapr.yaml")
    return {each.part: each.found for each in components.findings(project) if each.state == "wrong"}


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("path", "old", "new", "part", "said"),
    [
        ("resources/statestore.yaml", '"true"', '"false"', "State store", "actorStateStore"),
        ("resources/statestore.yaml", "- pizza-order", "- pizza-kitchen", "State store", "scopes"),
        ("resources/statestore.yaml", "name: pizzastatestore", "name: other", "State store", "no component"),
        ("resources/pubsub.yaml", "  - pizza-workflow\n", "", "Pub/sub", "scopes"),
        ("resources/pubsub.yaml", "name: pizzapubsub", "name: other", "Pub/sub", "no component"),
        ("resources/subscription.yaml", "/orders-sub", "/other", "Subscription", "/orders-sub"),
        ("resources/subscription.yaml", 'rawPayload: "true"', 'other: "true"', "Subscription", "rawPayload"),
        ("resources/resiliency.yaml", "maxRetries: -1", "maxRetries: 3", "Resiliency", "without end"),
        ("resources/resiliency.yaml", "retry: untilTakenIn", "retry: other", "Resiliency", "without end"),
        ("resources/resiliency.yaml", "- pizza-order", "- pizza-kitchen", "Resiliency", "without end"),
        ("resources/resiliency.yaml", "pizzapubsub", "other", "Resiliency", "events can be lost"),
        ("resources/statestore.yaml", "spec:", "spec: [", "Components", "statestore.yaml"),
        ("dapr.yaml", "appPort: 8003", "appPort: 9003", "Run file", "pizza-kitchen: appPort is not 8003"),
        ("dapr.yaml", "appID: pizza-kitchen", "appID: pizza-cellar", "Run file", "pizza-kitchen is missing"),
    ],
)
def test_a_fault_is_named(copy: Path, path: str, old: str, new: str, part: str, said: str) -> None:
    change(copy / path, old, new)
    found = wrong(copy)
    assert list(found) == [part]
    assert said in found[part]


def test_a_run_file_that_names_what_is_not_there_is_refused(copy: Path) -> None:
    # daprd would exit, and the CLI wait for it for ever.
    (copy / "resources/config/local.yaml").unlink()
    with pytest.raises(LocalError, match=r"local\.yaml, which is not there"):
        Project.read(copy / "dapr.yaml")


@pytest.mark.parametrize("text", [b"", b"apps: [", b"common: {}", b"- 1", b"\xff"])
def test_a_run_file_that_makes_no_sense_is_refused(copy: Path, text: bytes) -> None:
    (copy / "dapr.yaml").write_bytes(text)
    with pytest.raises(LocalError, match=r"dapr\.yaml cannot be read"):
        Project.read(copy / "dapr.yaml")


COMMON = "common: {resourcesPath: resources, configFilePath: config.yaml}"
CHECKOUT = "{appID: checkout, appPort: 6006, daprHTTPPort: 3506, command: [python3, app.py]}"
WORKSHOP = "{appID: pizza-order, appPort: 8001, daprHTTPPort: 3501, command: [python3, app.py]}"


@pytest.mark.parametrize(
    "text", [f"{COMMON}\napps: [{CHECKOUT}]", f"apps: [{CHECKOUT}]", f"{COMMON}\napps: [{WORKSHOP}]"]
)
def test_another_projects_run_file_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "dapr.yaml").write_text(f"version: 1\n{text}\n")
    monkeypatch.chdir(tmp_path)
    found = Project.find()
    assert found.run_file == ROOT / "dapr.yaml"
    said = doctor.whose(found)
    assert (said.state, str(tmp_path / "dapr.yaml") in said.found) == ("note", True)


def test_an_app_may_have_no_port_of_its_own(copy: Path) -> None:
    sixth = "  - appID: pizza-printer\n    daprHTTPPort: 3506\n    command: [python3, printer.py]\n"
    (copy / "dapr.yaml").write_text((copy / "dapr.yaml").read_text() + sixth)
    app = Project.read(copy / "dapr.yaml").app("pizza-printer")
    assert (app.name, app.app_ports, app.sidecar_ports) == ("printer", (), (3506,))
    change(copy / "dapr.yaml", "    daprHTTPPort: 3506\n", "")
    with pytest.raises(LocalError, match="pizza-printer has no daprHTTPPort"):
        Project.read(copy / "dapr.yaml")


def test_what_the_run_file_tells_a_role_reaches_it(copy: Path) -> None:
    change(copy / "dapr.yaml", "    appPort: 8003\n", "    appPort: 8003\n    env: {PIZZASHOP_LOG: json, N: 1}\n")
    app = Project.read(copy / "dapr.yaml").app("pizza-kitchen")
    assert app.env == {"MALLOC_ARENA_MAX": "2", "PIZZASHOP_LOG": "json", "N": "1"}


def test_a_component_that_is_no_text_is_named(copy: Path) -> None:
    (copy / "resources/statestore.yaml").write_bytes(b"# Pizzer\xeda")
    with pytest.raises(LocalError, match=r"statestore\.yaml cannot be read"):
        components.load(Project.read(copy / "dapr.yaml"))


def test_the_files_are_utf8_whatever_the_locale_is(copy: Path) -> None:
    for each in (copy / "dapr.yaml", copy / "resources/statestore.yaml"):
        each.write_text(f"# Pizzería\n{each.read_text()}", encoding="utf-8")
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code = "from pizzashop.local import components, project; components.load(project.Project.find())"
    subprocess.run([sys.executable, "-c", code], cwd=copy, env=env, check=True, timeout=60)


def test_the_current_directory_is_looked_at_first(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy)
    assert Project.find().run_file == copy / "dapr.yaml"
    monkeypatch.chdir("/")
    assert Project.find().run_file == ROOT / "dapr.yaml"


def test_what_the_run_file_tells_a_sidecar_reaches_it(copy: Path) -> None:
    (copy / "more").mkdir()
    change(copy / "dapr.yaml", "common:\n", "common:\n  logLevel: debug\n  maxBodySize: 8Mi\n")
    entry = (
        "    appPort: 8003\n    logLevel: error\n    enableApiLogging: true\n    resourcesPaths: [resources, more]\n"
    )
    change(copy / "dapr.yaml", "    appPort: 8003\n", entry)
    project = Project.read(copy / "dapr.yaml")
    binaries = Dapr(Path("daprd"), None, None, "1.18.3", "built")
    order, kitchen = (
        apps.daprd_command(binaries, project, project.app(f"pizza-{name}")) for name in ("order", "kitchen")
    )
    assert {"--log-level=debug", "--max-body-size=8Mi", f"--resources-path={copy / 'resources'}"} <= set(order)
    assert {"--log-level=error", "--max-body-size=8Mi", "--enable-api-logging=true"} <= set(kitchen)
    resources = [word.partition("=")[2] for word in kitchen if word.startswith("--resources-path=")]
    assert resources == [str(copy / "resources"), str(copy / "more")]


def test_an_app_may_have_a_directory_of_its_own(copy: Path) -> None:
    (copy / "printer").mkdir()
    sixth = "  - appID: printer\n    daprHTTPPort: 3506\n    appDirPath: printer\n    command: [./run.sh]\n"
    (copy / "dapr.yaml").write_text((copy / "dapr.yaml").read_text() + sixth)
    project = Project.read(copy / "dapr.yaml")
    assert project.app("printer").directory == copy / "printer"
    with pytest.raises(LocalError, match=r"`./run.sh`, which printer runs, is not installed"):
        shop.require_commands(project)
    (copy / "printer" / "run.sh").touch(mode=0o755)
    shop.require_commands(project)


def test_what_up_cannot_pass_on_is_named(copy: Path) -> None:
    change(copy / "dapr.yaml", "    appPort: 8003\n", "    appPort: 8003\n    appSSL: true\n")
    with pytest.raises(LocalError, match="pizza-kitchen has appSSL, which `pizzashop up` does not know"):
        Project.read(copy / "dapr.yaml")
