"""The shop's logs in the terminal, for those who asked for it."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def following(logs: Sequence[Path], wanted: bool) -> Iterator[None]:
    """Show what is added to these logs while this lasts, if it is wanted."""
    if not wanted:
        yield
        return
    # `tail -F` also waits for a file to appear and follows it when it is replaced; each line names its part.
    command = ["tail", "-q", "-n", "+1", "-F", *map(str, logs)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as tail:
        try:
            yield
        finally:
            tail.terminate()
