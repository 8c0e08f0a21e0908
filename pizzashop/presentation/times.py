"""Durations and moments as people read them.

Moments are shown in the time zone (`TZ`) of the machine that runs the role or command, not in the browser's.
"Today" and the chart of the day's hours use the same zone.
"""

from datetime import UTC, datetime, time


def running_text(seconds: float) -> str:
    """Return a duration that has not ended: 0:07, 12:40, 1:02:03, 3 days."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} days"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration_text(seconds: float) -> str:
    """Return a duration that has ended: 13 s, and from a minute on 2:10."""
    return f"{round(seconds)} s" if seconds < 60 else running_text(seconds)


def exact_duration_text(seconds: float) -> str:
    """Return a duration, a short one more exactly: 4 ms, 1.3 s, 13 s, 2:10."""
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms" if seconds >= 0.001 else "<1 ms"
    return f"{seconds:.1f} s" if seconds < 10 else duration_text(seconds)


def midnight(moment: datetime) -> datetime:
    """Return when the local day of `moment`, which has a zone, began, in UTC."""
    # Midnight may have another UTC offset than `moment`, so `moment.astimezone().replace(hour=0)` would be wrong.
    # Where clocks are put forward at midnight there is no midnight, and `.astimezone(UTC)` of it would be wrong.
    return datetime.fromtimestamp(datetime.combine(moment.astimezone().date(), time()).timestamp(), UTC)


def clock_time(at: str, now: datetime | None = None) -> str:
    """Return the moment `at` (RFC 3339) to the second: 18:42:07, with its date unless that is today."""
    return _format(at, "%H:%M:%S", now)


def clock_minute(at: str, now: datetime | None = None) -> str:
    """Return the moment `at` (RFC 3339) to the minute: 18:42, with its date unless that is today."""
    return _format(at, "%H:%M", now)


def date_and_time(at: str, now: datetime | None = None) -> str:
    """Return the moment `at` (RFC 3339) to the minute, always with its date: 24 Nov, 18:42."""
    local = datetime.fromisoformat(at).astimezone()
    year = "" if local.year == _to_local(now).year else " %Y"
    return local.strftime(f"%-d %b{year}, %H:%M")


def zone_name(at: str) -> str:
    """Return the name of the local time zone at the moment `at`: CET, UTC, or UTC+0545 when it has no name."""
    name = datetime.fromisoformat(at).astimezone().tzname() or ""
    return f"UTC{name}" if name[:1] in ("+", "-") else name


def _format(at: str, form: str, now: datetime | None) -> str:
    local, today = datetime.fromisoformat(at).astimezone(), _to_local(now).date()
    if local.date() != today:
        form = f"%-d %b, {form}" if local.year == today.year else f"%-d %b %Y, {form}"
    return local.strftime(form)


def _to_local(now: datetime | None) -> datetime:
    return (now or datetime.now(UTC)).astimezone()
