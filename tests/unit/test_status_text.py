"""The words for statuses, decisions and durations that people read."""

import pytest

from pizzashop.domain.lifecycle import FINAL, HAPPY_PATH
from pizzashop.presentation.status_text import remake_text, status_text
from pizzashop.presentation.times import duration_text, running_text


@pytest.mark.parametrize("status", [*HAPPY_PATH, *FINAL])
def test_every_status_has_friendly_words(status: str) -> None:
    assert "_" not in status_text(status)
    assert status_text(status) != status.replace("_", " ") or "_" not in status or status == "delivery_on_the_way"


def test_the_words_for_an_unknown_status_are_its_name() -> None:
    assert status_text("out_for_lunch") == "out for lunch"


@pytest.mark.parametrize(("note", "reason"), [("too dark", ": too dark."), ("cold!", ": cold!"), (None, ".")])
def test_a_customer_reads_why_a_pizza_is_made_again(note: str | None, reason: str) -> None:
    assert remake_text(note) == f"The manager asked for a new one{reason} We're making it again."


def test_durations_are_short() -> None:
    assert [running_text(seconds) for seconds in (0.9, 67, 3723, 300_000)] == ["0:00", "1:07", "1:02:03", "3 days"]
    assert [duration_text(seconds) for seconds in (0.2, 12.6, 60, 130)] == ["0 s", "13 s", "1:00", "2:10"]
