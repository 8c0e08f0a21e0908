"""A command that works for minutes: its lines as they come, and an end to it when we are told to close."""

import os
import queue
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pizzashop.domain.errors import LocalError
from pizzashop.local.closing import Closing

_KEPT = 15


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None,
    line: Callable[[str], None],
    closing: Closing,
) -> None:
    """Run it and hand over each line that it prints; raises LocalError with its last lines where it fails."""
    last: deque[str] = deque(maxlen=_KEPT)
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    with subprocess.Popen(
        argv,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as child:
        reader = threading.Thread(target=_read, args=(child.stdout, lines))
        reader.start()
        try:
            while (each := _next(lines, closing)) is not None:
                last.append(each)
                line(each)
            child.wait()
        finally:
            # Whatever happened: nothing of it works on.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            reader.join()
    if child.returncode:
        said = "\n".join(f"  {each}" for each in last)
        raise LocalError(f"`{' '.join(argv[:3])} ...` failed:\n{said}")


def _next(lines: "queue.SimpleQueue[str | None]", closing: Closing) -> str | None:
    while True:
        closing.pause(0)
        with suppress(queue.Empty):
            return lines.get(timeout=0.1)


def _read(output: Iterable[str], lines: "queue.SimpleQueue[str | None]") -> None:
    for each in output:
        lines.put(each.rstrip("\n"))
    lines.put(None)
