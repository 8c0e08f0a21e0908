"""Which Go and which Dapr of this machine are used."""

from pathlib import Path

import pytest

from pizzashop.local import apps, dapr_binaries, doctor, go, ports
from pizzashop.local.build import find_dapr
from pizzashop.local.project import Project
from pizzashop.local.shop import Shop


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv("DAPR_RUNTIME_PATH", raising=False)


def script(path: Path, said: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("said", "version"),
    [("go version go1.26.6 linux/amd64", (1, 26, 6)), ("go version go1.27 x", (1, 27, 0)), ("nothing", ())],
)
def test_go_says_which_it_is(tmp_path: Path, said: str, version: tuple[int, ...]) -> None:
    script(tmp_path / "bin" / "go", said)
    assert go.go_version(tmp_path / "bin" / "go") == version


def test_a_go_that_is_too_old_is_not_used(tmp_path: Path) -> None:
    script(tmp_path / "bin" / "go", "go version go1.26.5 linux/amd64")
    assert go.installed_go() != tmp_path / "bin" / "go"


@pytest.mark.parametrize(
    ("version", "fits"),
    [("1.18.0", True), ("1.18.2", True), ("v1.18.9", True), ("1.17.9", False), ("1.19.0", False), ("", False)],
)
def test_only_the_line_of_the_sdk_fits(version: str, fits: bool) -> None:
    assert dapr_binaries.is_supported(version) == fits


@pytest.mark.parametrize(("version", "used"), [("1.18.1", True), ("1.16.0", False)])
def test_an_installed_dapr_is_used_if_it_fits(tmp_path: Path, version: str, used: bool) -> None:
    where = dapr_binaries.bin_dir(tmp_path / "home")
    for name in dapr_binaries.NAMES:
        script(where / name, version)
    found = find_dapr(tmp_path / "cache")
    assert (found is not None) == used
    if found:
        assert (found.version, found.origin, found.scheduler) == (version, "installed", where / "scheduler")


@pytest.mark.parametrize(
    ("version", "safe"), [("1.18.0", False), ("1.18.2", False), ("1.18.3", True), ("v1.18.10", True)]
)
def test_doctor_warns_of_a_sidecar_that_an_event_can_end(tmp_path: Path, version: str, safe: bool) -> None:
    for name in dapr_binaries.NAMES:
        script(dapr_binaries.bin_dir(tmp_path / "home") / name, version)
    found = next(each for each in doctor.runtime(tmp_path / "cache") if each.part == "Dapr runtime")
    assert (found.state == "ok") == safe
    assert ("trace fields" in found.found) == (not safe)


def test_the_cli_is_not_needed(tmp_path: Path) -> None:
    for name in dapr_binaries.NAMES:
        script(dapr_binaries.bin_dir(tmp_path / "home") / name, "1.18.3")
    assert find_dapr(tmp_path / "cache")
    cli = next(each for each in doctor.runtime(tmp_path / "cache") if each.part == "Dapr CLI")
    assert (cli.state, cli.found) == ("ok", "none: only `dapr run` needs it")


def test_doctor_says_what_another_namespace_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(doctor.environment_findings()) == []
    monkeypatch.setenv("NAMESPACE", "staging")
    assert [each.state for each in doctor.environment_findings()] == ["note"]
    assert "NAMESPACE" not in apps.role_environment()


def test_no_process_of_dapr_is_told_a_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMESPACE", "staging")
    binaries = dapr_binaries.Dapr(Path("daprd"), Path("placement"), Path("scheduler"), dapr_binaries.VERSION, "built")
    shop = Shop(tmp_path, Project.find(), binaries)
    assert {each.name for each in (*shop.services, *shop.apps) if "NAMESPACE" in (each.process.env or {})} == set()
    assert all(each.process.env for each in (*shop.services, *shop.apps))


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("127.0.0.1 localhost\n::1 localhost ip6-localhost\n", False),
        ("::1 localhost\n127.0.0.1 other # localhost\n", True),
        ("127.0.0.1 other\n", False),
    ],
)
def test_doctor_knows_where_the_sidecars_look_for_localhost(tmp_path: Path, text: str, alone: bool) -> None:
    (tmp_path / "hosts").write_text(text)
    assert ports.localhost_is_ipv6_alone(tmp_path / "hosts") == alone
