"""Whether the scheduler's data is that of the store, and what is said where it is not."""

import shutil
from pathlib import Path

import pytest

from pizzashop.local import in_flight
from pizzashop.settings import Settings


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """Of a shop that was opened once."""
    assert not in_flight.mark(tmp_path), "at the first opening nothing was lost"
    return tmp_path


def said(state_dir: Path) -> list[str]:
    settings = Settings(state_dir=state_dir)
    return [each.state for each in in_flight.findings(settings, is_open=False)]


def test_what_belongs_together_is_passed_over(state_dir: Path) -> None:
    assert said(state_dir) == []
    assert not in_flight.mark(state_dir)


def test_a_directory_that_was_lost_is_noticed_and_told_once(state_dir: Path) -> None:
    shutil.rmtree(state_dir / "scheduler")
    assert said(state_dir) == ["note"]
    assert in_flight.mark(state_dir)
    assert said(state_dir) == []


def test_so_is_an_older_copy(state_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(state_dir / "scheduler", tmp_path / "copy")
    in_flight.mark(state_dir)
    shutil.rmtree(state_dir / "scheduler")
    shutil.move(tmp_path / "copy", state_dir / "scheduler")
    assert said(state_dir) == ["note"]
    assert in_flight.mark(state_dir)


def test_of_a_directory_that_no_shop_was_opened_in_nothing_is_said(tmp_path: Path) -> None:
    assert said(tmp_path) == []
