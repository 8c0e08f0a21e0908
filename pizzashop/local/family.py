"""A process and those that it has started: who they are, whether they live, how they end."""

import signal
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

from pizzashop.local.closing import Closing


def children(pid: int | None, *, deep: bool = True) -> list[psutil.Process]:
    """The processes below `pid`: all of them, or only those that it started itself."""
    if pid is None:
        return []
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=deep)
    return []


def with_children(pids: Iterable[int | None]) -> list[psutil.Process]:
    """The processes of these ids that live, and all those below them."""
    found: list[psutil.Process] = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            found += [psutil.Process(pid), *children(pid)] if pid is not None else []
    return list(dict.fromkeys(found))


def gone(process: psutil.Process) -> bool:
    """Whether it has ended; one that only waits to be buried by its parent has."""
    try:
        return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def send(processes: Iterable[psutil.Process], number: int) -> None:
    """Send a signal to each that still lives."""
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            each.send_signal(number)


def end(processes: list[psutil.Process], seconds: float, closing: Closing) -> None:
    """Ask them to end and wait up to `seconds`; what is left then, or when told to hurry, is killed."""
    deadline = time.monotonic() + seconds
    if seconds > 0:
        send(processes, signal.SIGTERM)
    while (left := [each for each in processes if not gone(each)]) and time.monotonic() < deadline:
        if closing.hurry:
            break
        time.sleep(0.02)
    send(left, signal.SIGKILL)
    psutil.wait_procs(left, timeout=5)
