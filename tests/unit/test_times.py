"""Durations, and moments by the shop's clock, also on the days on which that is put forward or back."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from pizzashop.presentation.times import (
    clock_minute,
    clock_time,
    date_and_time,
    duration_text,
    exact_duration_text,
    midnight,
    running_text,
    zone_name,
)

# As rules, so that no table of zones need be installed.
BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
SAO_PAULO = "<-03>3<-02>,M11.1.0/0,M2.3.0/0"  # as until 2019: its clocks changed at midnight
KATHMANDU = "<+0545>-5:45"


@pytest.fixture
def zone_is(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    def zone_is(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield zone_is
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("name", "now", "began"),
    [
        (BERLIN, "2026-03-29T10:00Z", "2026-03-28T23:00Z"),  # forward at 01:00Z
        (BERLIN, "2026-03-29T00:30Z", "2026-03-28T23:00Z"),
        (BERLIN, "2026-10-25T10:00Z", "2026-10-24T22:00Z"),  # back at 01:00Z
        (BERLIN, "2026-10-25T22:59Z", "2026-10-24T22:00Z"),
        (BERLIN, "2026-10-25T23:00Z", "2026-10-25T23:00Z"),
        (SAO_PAULO, "2018-11-04T12:00Z", "2018-11-04T03:00Z"),  # the day began at one o'clock
        (SAO_PAULO, "2018-02-18T12:00Z", "2018-02-18T03:00Z"),
        (SAO_PAULO, "2018-02-18T02:30Z", "2018-02-17T02:00Z"),  # the hour before midnight, the second time
        (KATHMANDU, "2026-11-25T18:14Z", "2026-11-24T18:15Z"),
        (KATHMANDU, "2026-11-25T18:15Z", "2026-11-25T18:15Z"),
        ("UTC0", "2026-11-25T18:15Z", "2026-11-25T00:00Z"),
    ],
)
def test_when_the_day_began(zone_is, name: str, now: str, began: str) -> None:
    zone_is(name)
    assert midnight(datetime.fromisoformat(now)) == datetime.fromisoformat(began)
    assert midnight(datetime.fromisoformat(now)).tzinfo is UTC


def test_a_moment_has_its_day_where_that_is_not_todays(zone_is) -> None:
    zone_is(KATHMANDU)
    now = datetime.fromisoformat("2026-11-25T20:00Z")  # 01:45 of the 26th
    assert clock_time("2026-11-25T18:20:07Z", now) == "00:05:07"
    assert clock_time("2026-11-25T18:10:07Z", now) == "25 Nov, 23:55:07"
    assert clock_minute("2026-11-25T18:10:07Z", now) == "25 Nov, 23:55"
    assert clock_minute("2026-11-26T18:20:00Z", now) == "27 Nov, 00:05"
    assert clock_minute("2025-11-25T18:10:07Z", now) == "25 Nov 2025, 23:55"
    assert date_and_time("2026-11-25T18:20:00Z", now) == "26 Nov, 00:05"
    assert date_and_time("2025-12-01T00:00:00Z", now) == "1 Dec 2025, 05:45"


def test_the_zone_has_a_name(zone_is) -> None:
    zone_is(KATHMANDU)
    assert zone_name("2026-11-25T18:10:07Z") == "UTC+0545"
    zone_is(BERLIN)
    assert [zone_name(f"2026-{month}-01T00:00:00Z") for month in ("07", "12")] == ["CEST", "CET"]


def test_durations_are_short() -> None:
    assert [running_text(seconds) for seconds in (0.9, 67, 3723, 300_000)] == ["0:00", "1:07", "1:02:03", "3 days"]
    assert [duration_text(seconds) for seconds in (0.2, 12.6, 60, 130)] == ["0 s", "13 s", "1:00", "2:10"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "<1 ms"),
        (0.0042, "4 ms"),
        (0.9994, "999 ms"),
        (0.9999, "1.0 s"),
        (9.94, "9.9 s"),
        (13.2, "13 s"),
        (130, "2:10"),
    ],
)
def test_an_exact_duration_has_its_parts_where_it_is_short(seconds: float, text: str) -> None:
    assert exact_duration_text(seconds) == text
