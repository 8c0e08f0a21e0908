"""Server-sent events as they go over the wire."""

import re

RETRY_MILLISECONDS = 1000
BEGIN = f"retry: {RETRY_MILLISECONDS}\n\n"
STILL_HERE = ": still here\n\n"

_LINE_END = re.compile(r"\r\n|\r|\n")


def event(name: str, data: str = "", mark: str = "") -> str:
    """One event; `mark` is what a browser says that it has seen last when it comes again."""
    lines = "".join(f"data: {line}\n" for line in _LINE_END.split(data))
    head = f"id: {mark}\n" if mark else ""
    return f"event: {name}\n{head}{lines}\n"
