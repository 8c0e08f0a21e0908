"""`pizzashop doctor` prints one line for each part, or JSON, and ends with an exit code."""

import io
import json
import shutil
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from pizzashop.cli import main
from pizzashop.local import dapr_binaries, doctor, telemetry
from pizzashop.local.findings import Finding
from pizzashop.local.ports import is_localhost_ipv6_only
from pizzashop.local.programs import role_environment
from pizzashop.local.project import App, Project
from pizzashop.local.shop import PidFile

ROOT = Path(__file__).parents[2]
GOOD = Finding("Python", "ok", "3.11.7")
BAD = Finding("Redis", "wrong", "[none]", "start one")


def shown(*findings: Finding, terminal: bool = False) -> str:
    output = io.StringIO()
    doctor.print_findings(list(findings), Console(file=output, force_terminal=terminal, width=100))
    return output.getvalue()


def test_a_fault_is_printed_with_its_remedy() -> None:
    assert shown(GOOD, BAD).splitlines() == [
        "ok     Python        3.11.7",
        "wrong  Redis         [none]  → start one",
        "",
        "The shop cannot open like this.",
    ]


def test_without_a_fault_doctor_says_that_the_shop_can_open() -> None:
    assert shown(GOOD).endswith("The shop can open: pizzashop up\n")


def test_only_a_terminal_gets_colours() -> None:
    assert "\x1b" in shown(BAD, terminal=True)
    assert "[none]" in shown(BAD, terminal=True)
    assert "\x1b" not in shown(BAD)


def test_the_state_directory_need_not_exist_yet(tmp_path: Path) -> None:
    assert doctor.check_state_dir(tmp_path / "not" / "yet").state == "ok"


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        project = Project(tmp_path, (App("pizza-order", {"appPort": port}, (), {}),), tmp_path, tmp_path)
        finding = doctor.check_ports(project, PidFile(tmp_path))
    assert finding.state == "wrong"
    assert str(port) in finding.found


def test_doctor_prints_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIZZASHOP_STATE_DIR", str(tmp_path))
    result = CliRunner().invoke(main, ["doctor", "--json"])
    findings = json.loads(result.output)
    assert {"Python", "Dapr SDK", "Redis", "placement", "scheduler", "Ports", "State store"} <= {
        each["part"] for each in findings
    }
    assert result.exit_code == any(each["state"] == "wrong" for each in findings)


@pytest.mark.parametrize(
    ("path", "old", "new", "part", "text"),
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
def test_a_fault_in_the_project_files_is_named(
    tmp_path: Path, path: str, old: str, new: str, part: str, text: str
) -> None:
    shutil.copy(ROOT / "dapr.yaml", tmp_path)
    shutil.copytree(ROOT / "resources", tmp_path / "resources")
    content = (tmp_path / path).read_text()
    assert old in content
    (tmp_path / path).write_text(content.replace(old, new))
    findings = doctor.check_files(Project.read(tmp_path / "dapr.yaml"))
    found = {each.part: each.found for each in findings if each.state == "wrong"}
    assert list(found) == [part]
    assert text in found[part]


@pytest.fixture
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv("DAPR_RUNTIME_PATH", raising=False)


def install_dapr(home: Path, version: str) -> None:
    """Install binaries that only print their version."""
    for name in dapr_binaries.NAMES:
        path = dapr_binaries.bin_dir(home) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\necho '{version}'\n")
        path.chmod(0o755)


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize(
    ("version", "is_safe"), [("1.18.0", False), ("1.18.2", False), ("1.18.3", True), ("v1.18.10", True)]
)
def test_doctor_warns_of_a_sidecar_that_an_event_can_end(tmp_path: Path, version: str, is_safe: bool) -> None:
    install_dapr(tmp_path / "home", version)
    finding = next(each for each in doctor.check_dapr(tmp_path / "cache") if each.part == "Dapr runtime")
    assert (finding.state == "ok") == is_safe
    assert ("trace fields" in finding.found) == (not is_safe)


@pytest.mark.usefixtures("nothing_installed")
def test_the_dapr_cli_is_not_needed(tmp_path: Path) -> None:
    install_dapr(tmp_path / "home", "1.18.3")
    cli = next(each for each in doctor.check_dapr(tmp_path / "cache") if each.part == "Dapr CLI")
    assert (cli.state, cli.found) == ("ok", "none: only `dapr run` needs it")


@pytest.mark.usefixtures("nothing_installed")
def test_doctor_says_that_the_servers_of_telemetry_are_not_built_yet(tmp_path: Path) -> None:
    finding = doctor.check_telemetry(tmp_path / "cache")
    assert (finding.state, finding.remedy) == ("note", "pizzashop prepare --telemetry")


def test_doctor_names_the_packages_that_telemetry_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "find_spec", lambda _: None)
    finding = doctor.check_telemetry(tmp_path / "cache")
    assert finding.state == "wrong"
    assert "pip install" in finding.found


def test_doctor_warns_of_another_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAMESPACE", raising=False)
    assert "NAMESPACE" not in str(list(doctor.check_environment()))
    monkeypatch.setenv("NAMESPACE", "staging")
    assert "NAMESPACE" in str(list(doctor.check_environment()))
    assert "NAMESPACE" not in role_environment()


@pytest.mark.parametrize(
    ("text", "is_ipv6_only"),
    [
        ("127.0.0.1 localhost\n::1 localhost ip6-localhost\n", False),
        ("::1 localhost\n127.0.0.1 other # localhost\n", True),
        ("127.0.0.1 other\n", False),
    ],
)
def test_doctor_reads_the_hosts_file_that_the_sidecars_read(tmp_path: Path, text: str, is_ipv6_only: bool) -> None:
    (tmp_path / "hosts").write_text(text)
    assert is_localhost_ipv6_only(tmp_path / "hosts") == is_ipv6_only
