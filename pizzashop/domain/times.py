"""How long something has lasted, as people read it."""


def counting(seconds: float) -> str:
    """A time that goes on: 0:07, 12:40, 1:02:03, 3 days."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} days"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def lasted(seconds: float) -> str:
    """A time that is over: 13 s, and from a minute on 2:10."""
    return f"{round(seconds)} s" if seconds < 60 else counting(seconds)
