"""Text of others as a terminal shows it."""

from pizzashop.domain.text import one_line


def clean(text: object) -> str:
    """What someone else wrote, on one line and without control characters, which a terminal would obey."""
    return one_line(text)
