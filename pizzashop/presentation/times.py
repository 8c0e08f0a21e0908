"""Times as people read them: how long something lasted, and moments by the shop's clock.

The shop's clock is the clock of the machine that runs the role or command, in that machine's time zone (`TZ`). All
pages show this one zone, whatever the browser's zone is. "Today" and the chart of the day's hours use it too.
"""

from datetime import UTC, datetime, time


def running_text(seconds: float) -> str:
    """A time that goes on: 0:07, 12:40, 1:02:03, 3 days."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} days"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration_text(seconds: float) -> str:
    """A time that is over: 13 s, and from a minute on 2:10."""
    return f"{round(seconds)} s" if seconds < 60 else running_text(seconds)


def midnight(moment: datetime) -> datetime:
    """When the local day of `moment` (with a zone) began, in UTC."""
    # Not `moment.astimezone().replace(hour=0)`: midnight may have had another offset than `moment` has.
    # Nor `.astimezone(UTC)` of midnight: where the clocks are put forward at midnight, there is none.
    return datetime.fromtimestamp(datetime.combine(moment.astimezone().date(), time()).timestamp(), UTC)


def clock_time(at: str, now: datetime | None = None) -> str:
    """The moment `at` (RFC 3339) to the second: 18:42:07, and with its day where that is not today's."""
    return _said(at, "%H:%M:%S", now)


def clock_minute(at: str, now: datetime | None = None) -> str:
    """The moment `at` (RFC 3339) to the minute: 18:42, and with its day where that is not today's."""
    return _said(at, "%H:%M", now)


def date_and_time(at: str, now: datetime | None = None) -> str:
    """The moment `at` (RFC 3339) to the minute, always with its day: 24 Nov, 18:42."""
    local = datetime.fromisoformat(at).astimezone()
    year = "" if local.year == _local(now).year else " %Y"
    return local.strftime(f"%-d %b{year}, %H:%M")


def zone_name(at: str) -> str:
    """The name of the zone in which moments around `at` are said: CET, UTC, or +0545 where it has no name."""
    name = datetime.fromisoformat(at).astimezone().tzname() or ""
    return f"UTC{name}" if name[:1] in ("+", "-") else name


def _said(at: str, form: str, now: datetime | None) -> str:
    local, today = datetime.fromisoformat(at).astimezone(), _local(now).date()
    if local.date() != today:
        form = f"%-d %b, {form}" if local.year == today.year else f"%-d %b %Y, {form}"
    return local.strftime(form)


def _local(now: datetime | None) -> datetime:
    return (now or datetime.now(UTC)).astimezone()
