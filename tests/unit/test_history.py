"""The history has the order in which things happened, however late events arrive."""

import pytest
from pydantic import ValidationError

from pizzashop.domain.history import HistoryEntry, insert_stage, seconds_since, utc_timestamp


def entry(status: str, at: str = "2026-01-01T00:00:00Z", **more: object) -> HistoryEntry:
    return HistoryEntry.model_validate({"status": status, "at": at, **more})


def statuses(history: list[HistoryEntry]) -> list[str]:
    return [each.status for each in history]


def test_a_late_stage_is_inserted_where_it_belongs() -> None:
    history = [entry("accepted"), entry("processing")]
    insert_stage(history, entry("validating", at="2026-01-02T00:00:00Z"))
    assert statuses(history) == ["accepted", "validating", "processing"]


def test_a_late_stage_of_an_earlier_attempt_goes_before_the_later_one() -> None:
    history = [entry("accepted"), entry("cooking_baking", attempt=2)]
    insert_stage(history, entry("cooked"))
    assert statuses(history) == ["accepted", "cooked", "cooking_baking"]


def test_a_late_stage_goes_before_a_decision_that_came_after_it() -> None:
    history = [entry("accepted"), entry("approved", kind="decision", at="2026-01-01T00:00:09Z")]
    insert_stage(history, entry("cooked", at="2026-01-01T00:00:05Z"))
    assert statuses(history) == ["accepted", "cooked", "approved"]


def test_a_stage_goes_after_a_decision_that_came_before_it() -> None:
    history = [entry("accepted"), entry("approved", kind="decision", at="2026-01-01T00:00:01Z")]
    insert_stage(history, entry("cooked", at="2026-01-01T00:00:05Z"))
    assert statuses(history) == ["accepted", "approved", "cooked"]


def test_a_late_stage_goes_before_the_end() -> None:
    history = [entry("accepted"), entry("failed", at="2026-01-01T00:00:09Z")]
    insert_stage(history, entry("validating", at="2026-01-01T00:00:05Z"))
    assert statuses(history) == ["accepted", "validating", "failed"]


def test_the_end_stays_last_whatever_the_clocks_say() -> None:
    history = [entry("accepted"), entry("cancelled", kind="action")]
    insert_stage(history, entry("validating", at="2026-01-01T00:00:05Z"))
    assert statuses(history) == ["accepted", "validating", "cancelled"]


def test_a_stage_goes_before_a_later_stage_whatever_the_clocks_say() -> None:
    history = [entry("accepted"), entry("processing"), entry("paused", kind="action")]
    insert_stage(history, entry("validating", at="2026-01-01T00:00:05Z"))
    assert statuses(history) == ["accepted", "validating", "processing", "paused"]


def test_timestamps_are_rfc_3339_in_utc() -> None:
    assert utc_timestamp().endswith("Z")
    assert seconds_since(utc_timestamp()) < 60


def test_a_time_in_the_future_counts_as_now() -> None:
    assert seconds_since("2999-01-01T00:00:00Z") == 0


def test_every_time_is_stored_in_utc() -> None:
    assert entry("cooked", at="2026-01-01T02:00:00+02:00").at == "2026-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    "at", ["yesterday", "2026-01-01T00:00:00", "", "0001-01-01T00:00:00+14:00", "2026-13-01T00:00Z"]
)
def test_an_invalid_time_is_refused(at: str) -> None:
    with pytest.raises(ValidationError):
        entry("cooked", at=at)
