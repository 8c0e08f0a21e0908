"""The progress of an order, and the words for it."""

import pytest
from story import ALL, at, decided, delivered, record, way_to

from pizzashop.console.shop import Record
from pizzashop.console.timeline import fraction
from pizzashop.domain.lifecycle import FINAL, HAPPY_PATH
from pizzashop.presentation.status_text import remake_text, status_text
from pizzashop.presentation.times import duration_text, running_text


def part(answer) -> float:
    return round(fraction(Record.parse(answer)), 3)


def test_progress_grows_from_stage_to_stage_and_ends_at_one() -> None:
    # These histories are old: each stage has lasted its whole time.
    parts = [part(at(status)) for status in ALL]
    assert parts == sorted(set(parts))
    assert parts[0] == round(1 / 30, 3)
    assert part(at("accepted")) == 0
    assert part(delivered()) == 1


def test_what_waits_for_the_manager_makes_no_progress() -> None:
    assert part(at("cooked")) == part(at("pending_validation")) == round(17 / 30, 3)


def test_a_pizza_that_is_made_again_starts_over_in_the_kitchen() -> None:
    back = [*way_to("pending_validation"), decided("remake", 20)]
    assert part(record(*back)) == round(4 / 30, 3)
    assert part(record(*back, *way_to("cooking_baking", 2, 21))) == round(16 / 30, 3)


@pytest.mark.parametrize("status", [*HAPPY_PATH, *FINAL])
def test_every_status_has_friendly_words(status: str) -> None:
    assert "_" not in status_text(status)
    assert status_text(status) != status.replace("_", " ") or "_" not in status or status == "delivery_on_the_way"


def test_a_name_that_is_not_known_is_spelled_out() -> None:
    assert status_text("out_for_lunch") == "out for lunch"


@pytest.mark.parametrize(("note", "reason"), [("too dark", ": too dark."), ("cold!", ": cold!"), (None, ".")])
def test_again_gives_the_reason(note: str | None, reason: str) -> None:
    assert remake_text(note) == f"The manager asked for a new one{reason} We're making it again."


def test_times_read_well() -> None:
    assert [running_text(s) for s in (0.9, 67, 3723, 300_000)] == ["0:00", "1:07", "1:02:03", "3 days"]
    assert [duration_text(s) for s in (0.2, 12.6, 60, 130)] == ["0 s", "13 s", "1:00", "2:10"]
