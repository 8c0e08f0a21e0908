"""The coordinates of the timeline of an order, and of the day by the hour."""

from datetime import UTC, datetime, timedelta

import pytest

from pizzashop.domain.history import HistoryEntry, epoch_seconds, format_timestamp
from pizzashop.domain.record import Record
from pizzashop.pages.drawings import hour_bars
from pizzashop.pages.timeline import Axis, Timeline, draw_timeline, end_of_record

START = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(seconds: float) -> str:
    return format_timestamp(START + timedelta(seconds=seconds))


def draw(record: Record, now: str) -> Timeline:
    return draw_timeline(record, Axis(epoch_seconds(record.history[0].at), end_of_record(record, now)))


@pytest.fixture
def record() -> Record:
    """Cooked in 40 s, sent back at 60 s, the second one in the oven since 80 s."""
    found = Record.accept("uid-1", {"order_id": "123"}, at(0), with_workflow=True)
    stages = (("confirmed", 0, 1), ("cooking_baking", 20, 1), ("pending_validation", 40, 1))
    for status, seconds, attempt in stages:
        found.apply_stages([HistoryEntry(status=status, at=at(seconds), attempt=attempt)])
    found.decide("remake", 1, at(60), "ana", "too dark")
    found.apply_stages([HistoryEntry(status="cooking_baking", at=at(80), attempt=2)])
    return found


def test_each_attempt_has_a_line_with_bars_and_marks(record: Record) -> None:
    first, second = draw(record, at(100)).lines
    assert [(bar.entry.status, bar.x, bar.width, bar.style) for bar in first.bars][1:] == [
        ("confirmed", 0.0, 20.0, "order"),
        ("cooking_baking", 20.0, 20.0, "cook"),
        ("pending_validation", 40.0, 20.0, "decide"),
    ]
    assert [(mark.entry.status, mark.x) for mark in first.marks] == [("remake", 60.0)]
    assert [(bar.x, bar.width, bar.seconds) for bar in second.bars] == [(80.0, 20.0, 20.0)]


def test_a_decision_that_comes_early_ends_no_stage() -> None:
    record = Record.accept("uid-1", {"order_id": "123"}, at(0), with_workflow=True)
    record.apply_stages([HistoryEntry(status="cooking_baking", at=at(0))])
    record.decide("approved", 1, at(20), "ana", None)
    record.apply_stages([HistoryEntry(status="cooked", at=at(80))])
    bars = draw(record, at(100)).lines[0].bars
    assert [(bar.x, bar.width) for bar in bars if bar.entry.status == "cooking_baking"] == [(0.0, 80.0)]


def test_a_pause_is_for_all_lines(record: Record) -> None:
    record.pause(at(85), "ana", None)
    assert draw(record, at(100)).pauses == [(85.0, 15.0)]
    record.resume(at(90), "ana", None)
    assert draw(record, at(100)).pauses == [(85.0, 5.0)]
    assert [bar.width for bar in draw(record, at(100)).lines[1].bars] == [20.0]


def test_the_timeline_of_an_ended_order_grows_no_more(record: Record) -> None:
    record.end("failed", at(100), "too dark")
    assert draw(record, at(900)) == draw(record, at(100))
    assert draw(record, at(900)).lines[1].marks[0].x == 100.0


def test_a_short_stage_can_be_seen_and_stays_inside(record: Record) -> None:
    drawn = draw(record, at(80))
    last = drawn.lines[1].bars[0]
    assert (last.width, last.x + last.width) == (0.3, 100.0)


@pytest.mark.parametrize("seconds", [0, 1, 100, 5000, 10**6, 10**8])
def test_a_timeline_has_at_most_eight_ticks(seconds: float) -> None:
    found = draw(Record.accept("uid-1", {}, at(0), with_workflow=True), at(seconds))
    assert 1 <= len(found.ticks) <= 8
    assert all(0 <= x <= 100 for x, _ in found.ticks)


def test_the_day_has_a_bar_for_each_hour() -> None:
    drawn = hour_bars([0] * 12 + [8] + [4] * 11)
    assert len(drawn) == 24
    assert (drawn[12].height, drawn[12].y, drawn[13].height, drawn[0].height) == (100.0, 0.0, 50.0, 0.0)
    assert max(bar.height for bar in hour_bars([0] * 23 + [1])) == 25.0
