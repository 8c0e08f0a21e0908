"""Whether the scheduler's data is that of the store, and what is said where it is not."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from pizzashop.errors import NotAllowed
from pizzashop.local import orders_in_flight
from pizzashop.settings import Settings


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """Of a shop that was opened once."""
    assert not orders_in_flight.write_marks(tmp_path), "at the first opening nothing was lost"
    return tmp_path


def said(state_dir: Path) -> list[str]:
    settings = Settings(state_dir=state_dir)
    return [each.state for each in orders_in_flight.findings(settings, is_open=False)]


def test_what_belongs_together_is_passed_over(state_dir: Path) -> None:
    assert said(state_dir) == []
    assert not orders_in_flight.write_marks(state_dir)


def test_a_directory_that_was_lost_is_noticed_and_told_once(state_dir: Path) -> None:
    shutil.rmtree(state_dir / "scheduler")
    assert said(state_dir) == ["note"]
    assert orders_in_flight.write_marks(state_dir)
    assert said(state_dir) == []


def test_so_is_an_older_copy(state_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(state_dir / "scheduler", tmp_path / "copy")
    orders_in_flight.write_marks(state_dir)
    shutil.rmtree(state_dir / "scheduler")
    shutil.move(tmp_path / "copy", state_dir / "scheduler")
    assert said(state_dir) == ["note"]
    assert orders_in_flight.write_marks(state_dir)


def test_of_a_directory_that_no_shop_was_opened_in_nothing_is_said(tmp_path: Path) -> None:
    assert said(tmp_path) == []


class Answering:
    """In place of the client: the shop answers so, or refuses."""

    def __init__(self, stuck: list[str] | None) -> None:
        self._stuck = stuck

    def __call__(self, **_: Any) -> "Answering":
        return self

    def __enter__(self) -> "Answering":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get(self, url: str) -> Any:
        assert url.endswith(":8001/unsettled")
        if self._stuck is None:
            raise NotAllowed("Somebody of the staff has to sign in for this")
        return {"stuck": self._stuck}


@pytest.mark.parametrize(
    ("stuck", "found"),
    [
        ([], [("ok", "none in flight is stuck")]),
        (["a", "b", "c", "d"], [("note", "4 made no progress for a minute or longer: a, b, c …")]),
        (None, []),
    ],
)
def test_of_an_open_shop_the_orders_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stuck: list[str] | None, found: list[tuple[str, str]]
) -> None:
    monkeypatch.setattr(orders_in_flight, "Client", Answering(stuck))
    findings = orders_in_flight.findings(Settings(state_dir=tmp_path), is_open=True)
    assert [(each.state, each.found) for each in findings] == found
