"""The shop's log in the terminal, for those who asked for it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def following(log: Path, wanted: bool) -> Iterator[None]:
    """Show what is added to `log` while this lasts, if it is wanted."""
    if not wanted:
        yield
        return
    # `tail -F` also waits for the file to appear and follows it when it is replaced.
    command = ["tail", "-n", "+1", "-F", str(log)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as tail:
        try:
            yield
        finally:
            tail.terminate()
