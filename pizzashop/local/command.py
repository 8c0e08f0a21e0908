"""A command that works for minutes: its lines as they come, and an end to it when we are told to close."""

import os
import queue
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
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
    child = subprocess.Popen(
        argv,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        for each in _lines(child, closing):
            last.append(each)
            line(each)
    finally:
        # Whatever happened: nothing of it works on.
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        status = child.wait()
    if status:
        said = "\n".join(f"  {each}" for each in last)
        raise LocalError(f"`{' '.join(argv[:3])} ...` failed:\n{said}")


def _lines(child: "subprocess.Popen[str]", closing: Closing):  # type: ignore[no-untyped-def]
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(child, lines), daemon=True).start()
    while True:
        closing.pause(0)
        with suppress(queue.Empty):
            each = lines.get(timeout=0.1)
            if each is None:
                child.wait()
                return
            yield each


def _read(child: "subprocess.Popen[str]", lines: "queue.SimpleQueue[str | None]") -> None:
    assert child.stdout
    for each in child.stdout:
        lines.put(each.rstrip("\n"))
    lines.put(None)
