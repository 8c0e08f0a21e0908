"""The lock file of the image agrees with the requirements of the package."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(file: str) -> dict[str, list[str]]:
    """Return the pinned versions of each package; different versions of Python may need different ones."""
    found: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^ ;\\]+)", (ROOT / "deploy" / file).read_text(), re.MULTILINE):
        found.setdefault(name, []).append(version)
    return found


@pytest.mark.parametrize(
    ("file", "requirements"),
    [
        ("requirements.txt", PROJECT["project"]["dependencies"]),
        ("requirements.txt", PROJECT["project"]["optional-dependencies"]["telemetry"]),
        ("requirements-build.txt", PROJECT["build-system"]["requires"]),
    ],
    ids=["requirements.txt", "the telemetry in requirements.txt", "requirements-build.txt"],
)
def test_each_requirement_is_pinned_to_a_version_that_it_allows(file: str, requirements: list[str]) -> None:
    locked = pins(file)
    for requirement in map(Requirement, requirements):
        assert requirement.name in locked, "run `make lock`"
        assert all(requirement.specifier.contains(version) for version in locked[requirement.name]), requirement


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-build.txt"])
def test_each_pin_has_hashes(file: str) -> None:
    text = (ROOT / "deploy" / file).read_text()
    pinned = re.findall(r"^[\w.-]+==.*(?:\n    --hash=sha256:[0-9a-f]{64}.*)+", text, re.MULTILINE)
    assert len(pinned) == sum(len(versions) for versions in pins(file).values())
