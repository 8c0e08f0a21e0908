"""`dapr.yaml` and the components: what `up` reads from them, and what it refuses."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pizzashop.errors import LocalError
from pizzashop.local import doctor
from pizzashop.local.checks import require_commands
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.programs import daprd_command
from pizzashop.local.project import Project

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project that a test may change."""
    shutil.copy(ROOT / "dapr.yaml", tmp_path)
    shutil.copytree(ROOT / "resources", tmp_path / "resources")
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_run_file_that_names_a_missing_file_is_refused(copy: Path) -> None:
    (copy / "resources/config/local.yaml").unlink()
    with pytest.raises(LocalError, match=r"local\.yaml, which does not exist"):
        Project.read(copy / "dapr.yaml")


@pytest.mark.parametrize("text", [b"", b"apps: [", b"common: {}", b"- 1", b"\xff"])
def test_an_invalid_run_file_is_refused(copy: Path, text: bytes) -> None:
    (copy / "dapr.yaml").write_bytes(text)
    with pytest.raises(LocalError, match=r"dapr\.yaml cannot be read"):
        Project.read(copy / "dapr.yaml")


COMMON = "common: {resourcesPath: resources, configFilePath: config.yaml}"
CHECKOUT = "{appID: checkout, appPort: 6006, daprHTTPPort: 3506, command: [python3, app.py]}"
WORKSHOP = "{appID: pizza-order, appPort: 8001, daprHTTPPort: 3501, command: [python3, app.py]}"


@pytest.mark.parametrize(
    "text", [f"{COMMON}\napps: [{CHECKOUT}]", f"apps: [{CHECKOUT}]", f"{COMMON}\napps: [{WORKSHOP}]"]
)
def test_the_run_file_of_another_project_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "dapr.yaml").write_text(f"version: 1\n{text}\n")
    monkeypatch.chdir(tmp_path)
    found = Project.find()
    assert found.run_file == ROOT / "dapr.yaml"
    finding = doctor.check_project(found)
    assert (finding.state, str(tmp_path / "dapr.yaml") in finding.found) == ("note", True)


def test_an_app_need_not_listen_on_a_port(copy: Path) -> None:
    sixth = "  - appID: pizza-printer\n    daprHTTPPort: 3506\n    command: [python3, printer.py]\n"
    (copy / "dapr.yaml").write_text((copy / "dapr.yaml").read_text() + sixth)
    app = Project.read(copy / "dapr.yaml").app("pizza-printer")
    assert (app.name, app.app_ports, app.sidecar_ports) == ("printer", (), (3506,))
    change(copy / "dapr.yaml", "    daprHTTPPort: 3506\n", "")
    with pytest.raises(LocalError, match="pizza-printer has no daprHTTPPort"):
        Project.read(copy / "dapr.yaml")


def test_a_role_gets_the_environment_of_its_entry(copy: Path) -> None:
    change(copy / "dapr.yaml", "    appPort: 8003\n", "    appPort: 8003\n    env: {PIZZASHOP_LOG: json, N: 1}\n")
    app = Project.read(copy / "dapr.yaml").app("pizza-kitchen")
    assert app.env == {"MALLOC_ARENA_MAX": "2", "PIZZASHOP_LOG": "json", "N": "1"}


def test_a_component_file_that_is_not_utf8_is_named(copy: Path) -> None:
    (copy / "resources/statestore.yaml").write_bytes(b"# Pizzer\xeda")
    with pytest.raises(LocalError, match=r"statestore\.yaml cannot be read"):
        Project.read(copy / "dapr.yaml").documents()


def test_the_files_are_read_as_utf8_in_any_locale(copy: Path) -> None:
    for each in (copy / "dapr.yaml", copy / "resources/statestore.yaml"):
        each.write_text(f"# Pizzería\n{each.read_text()}", encoding="utf-8")
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code = "from pizzashop.local.project import Project; Project.find().documents()"
    subprocess.run([sys.executable, "-c", code], cwd=copy, env=env, check=True, timeout=60)


def test_the_current_directory_comes_first(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy)
    assert Project.find().run_file == copy / "dapr.yaml"
    monkeypatch.chdir("/")
    assert Project.find().run_file == ROOT / "dapr.yaml"


def test_a_sidecar_gets_the_options_of_its_entry(copy: Path) -> None:
    (copy / "more").mkdir()
    change(copy / "dapr.yaml", "common:\n", "common:\n  logLevel: debug\n  maxBodySize: 8Mi\n")
    entry = (
        "    appPort: 8003\n    logLevel: error\n    enableApiLogging: true\n    resourcesPaths: [resources, more]\n"
    )
    change(copy / "dapr.yaml", "    appPort: 8003\n", entry)
    project = Project.read(copy / "dapr.yaml")
    dapr = Dapr(Path("daprd"), None, None, "1.18.3", "built")
    order, kitchen = (daprd_command(dapr, project, project.app(f"pizza-{name}")) for name in ("order", "kitchen"))
    assert {"--log-level=debug", "--max-body-size=8Mi", f"--resources-path={copy / 'resources'}"} <= set(order)
    assert {"--log-level=error", "--max-body-size=8Mi", "--enable-api-logging=true"} <= set(kitchen)
    resources = [word.partition("=")[2] for word in kitchen if word.startswith("--resources-path=")]
    assert resources == [str(copy / "resources"), str(copy / "more")]


def test_an_app_may_have_its_own_directory(copy: Path) -> None:
    (copy / "printer").mkdir()
    sixth = "  - appID: printer\n    daprHTTPPort: 3506\n    appDirPath: printer\n    command: [./run.sh]\n"
    (copy / "dapr.yaml").write_text((copy / "dapr.yaml").read_text() + sixth)
    project = Project.read(copy / "dapr.yaml")
    assert project.app("printer").directory == copy / "printer"
    with pytest.raises(LocalError, match=r"`./run.sh`, which printer runs, is not installed"):
        require_commands(project)
    (copy / "printer" / "run.sh").touch(mode=0o755)
    require_commands(project)


def test_a_key_that_up_does_not_know_is_refused(copy: Path) -> None:
    change(copy / "dapr.yaml", "    appPort: 8003\n", "    appPort: 8003\n    appSSL: true\n")
    with pytest.raises(LocalError, match="pizza-kitchen has appSSL, which `pizzashop up` does not know"):
        Project.read(copy / "dapr.yaml")


def component_types(project: Project) -> set[str]:
    return {each["spec"]["type"] for each in project.documents() if each["kind"] == "Component"}


def test_the_components_of_a_product_replace_the_default_ones(copy: Path) -> None:
    project = Project.read(copy / "dapr.yaml")
    assert component_types(project) == {"state.redis", "pubsub.redis"}
    assert component_types(project.with_products(["postgresql"])) == {"state.postgresql", "pubsub.redis"}


def test_sidecars_get_one_directory_with_the_chosen_components(copy: Path, tmp_path: Path) -> None:
    default = Project.read(copy / "dapr.yaml")
    assert default.write_components(tmp_path / "chosen") == default
    (tmp_path / "chosen").mkdir()
    (tmp_path / "chosen/left.yaml").touch()
    chosen = default.with_products(["postgresql"]).write_components(tmp_path / "chosen")
    assert chosen.resources == tmp_path / "chosen"
    assert component_types(chosen) == {"state.postgresql", "pubsub.redis"}
    names = {path.name for path in (copy / "resources").glob("*.yaml")}
    assert {path.name for path in chosen.resources.iterdir()} == names


def test_a_product_without_components_is_refused(copy: Path) -> None:
    shutil.rmtree(copy / "resources/postgresql")
    with pytest.raises(LocalError, match="has no components for postgresql"):
        Project.read(copy / "dapr.yaml").with_products(["postgresql"])
