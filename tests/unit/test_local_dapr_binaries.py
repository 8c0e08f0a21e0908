"""Which Dapr and which Go of this machine the shop uses."""

from pathlib import Path

import pytest

from pizzashop.local import dapr_binaries
from pizzashop.local.build import find_dapr, go_version, installed_go


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv("DAPR_RUNTIME_PATH", raising=False)


def write_script(path: Path, output: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{output}'\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("output", "version"),
    [("go version go1.26.6 linux/amd64", (1, 26, 6)), ("go version go1.27 x", (1, 27, 0)), ("nothing", ())],
)
def test_the_version_of_go_is_read_from_its_output(tmp_path: Path, output: str, version: tuple[int, ...]) -> None:
    write_script(tmp_path / "bin" / "go", output)
    assert go_version(tmp_path / "bin" / "go") == version


def test_a_go_that_is_too_old_is_not_used(tmp_path: Path) -> None:
    write_script(tmp_path / "bin" / "go", "go version go1.26.5 linux/amd64")
    assert installed_go() != tmp_path / "bin" / "go"


@pytest.mark.parametrize(
    ("version", "is_supported"),
    [("1.18.0", True), ("1.18.2", True), ("v1.18.9", True), ("1.17.9", False), ("1.19.0", False), ("", False)],
)
def test_only_the_line_of_the_sdk_is_supported(version: str, is_supported: bool) -> None:
    assert dapr_binaries.is_supported(version) == is_supported


@pytest.mark.parametrize(("version", "is_used"), [("1.18.1", True), ("1.16.0", False)])
def test_an_installed_dapr_is_used_if_it_is_supported(tmp_path: Path, version: str, is_used: bool) -> None:
    where = dapr_binaries.bin_dir(tmp_path / "home")
    for name in dapr_binaries.NAMES:
        write_script(where / name, version)
    found = find_dapr(tmp_path / "cache")
    assert (found is not None) == is_used
    if found:
        assert (found.version, found.origin, found.scheduler) == (version, "installed", where / "scheduler")
