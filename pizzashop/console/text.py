"""Text and times as a terminal shows them."""

from datetime import datetime


def clean(text: object) -> str:
    """What someone else wrote, on one line and without control characters, which a terminal would obey."""
    return "".join(each if each.isprintable() else " " for each in str(text))


def clock(at: str) -> str:
    """A moment of the shop (RFC 3339) as this machine's clock shows it."""
    return datetime.fromisoformat(at).astimezone().strftime("%H:%M:%S")
