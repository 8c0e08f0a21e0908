"""`pizzashop doctor`: one line for each part, in words or as JSON, and an exit code."""

import io
import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from pizzashop.cli import main
from pizzashop.local.doctor import directory, shop_ports, show
from pizzashop.local.findings import Finding
from pizzashop.local.project import App, Project
from pizzashop.local.shop import Register

GOOD = Finding("Python", "ok", "3.11.7")
BAD = Finding("Redis", "wrong", "[none]", "start one")


def shown(*findings: Finding, terminal: bool = False) -> str:
    output = io.StringIO()
    show(list(findings), Console(file=output, force_terminal=terminal, width=100))
    return output.getvalue()


def test_a_fault_comes_with_what_mends_it() -> None:
    assert shown(GOOD, BAD).splitlines() == [
        "ok     Python        3.11.7",
        "wrong  Redis         [none]  → start one",
        "",
        "The shop cannot open like this.",
    ]


def test_without_a_fault_the_shop_can_open() -> None:
    assert shown(GOOD).endswith("The shop can open: pizzashop up\n")


def test_a_terminal_has_colours_and_a_pipe_has_none() -> None:
    assert "\x1b" in shown(BAD, terminal=True)
    assert "[none]" in shown(BAD, terminal=True)
    assert "\x1b" not in shown(BAD)


def test_a_state_directory_needs_a_place(tmp_path: Path) -> None:
    assert directory(tmp_path / "not" / "yet").state == "ok"


def test_ports_are_free_or_held(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        project = Project(tmp_path, (App("pizza-order", {"appPort": port}, (), {}),), tmp_path, tmp_path)
        found = shop_ports(project, Register(tmp_path))
    assert found.state == "wrong"
    assert str(port) in found.found


def test_json_is_for_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIZZASHOP_STATE_DIR", str(tmp_path))
    result = CliRunner().invoke(main, ["doctor", "--json"])
    findings = json.loads(result.output)
    assert {"Python", "Dapr SDK", "Redis", "placement", "scheduler", "Ports", "State store"} <= {
        each["part"] for each in findings
    }
    assert result.exit_code == any(each["state"] == "wrong" for each in findings)
