"""One child process: its output in a file, stopped politely first."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import psutil

from pizzashop.errors import INTERRUPTED, LocalError, ShopError
from pizzashop.local import disk

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SLICE = 0.05


class Interrupted(ShopError):
    """Someone asked to stop while something was awaited."""

    exit_code = INTERRUPTED


class Shutdown:
    """Whether the shop was told to close, and, while it closes, to hurry."""

    def __init__(self) -> None:
        self.told = False
        self.hurry = False
        self._begun = False

    def begin(self) -> None:
        """From here on the shop closes: `pause` no longer raises, and the next signal means hurry."""
        self._begun = True

    def pause(self, seconds: float) -> None:
        """Sleep; raises Interrupted when told to close meanwhile."""
        until = time.monotonic() + seconds
        while True:
            if self.told and not self._begun:
                raise Interrupted("Stopped before the shop was open.")
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(_SLICE, left))

    @contextmanager
    def listening(self) -> Iterator["Shutdown"]:
        """Note SIGINT, SIGTERM and SIGHUP instead of dying of them; under `nohup` a hang-up is still ignored."""
        is_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        noted = [each for each in SIGNALS if not (is_nohup and each is signal.SIGHUP)]
        before = {each: signal.signal(each, self._note) for each in noted}
        try:
            yield self
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def _note(self, *_: object) -> None:
        self.hurry = self._begun
        self.told = True


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


def has_ended(process: psutil.Process) -> bool:
    """Whether it has ended; one that only waits to be buried by its parent has."""
    try:
        return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def signal_processes(processes: Iterable[psutil.Process], number: int) -> None:
    """Send a signal to each that still lives."""
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            each.send_signal(number)


def end_processes(processes: list[psutil.Process], seconds: float, closing: Shutdown) -> None:
    """Ask them to end and wait up to `seconds`; what is left then, or when told to hurry, is killed."""
    deadline = time.monotonic() + seconds
    if seconds > 0:
        signal_processes(processes, signal.SIGTERM)
    while (left := [each for each in processes if not has_ended(each)]) and time.monotonic() < deadline:
        if closing.hurry:
            break
        time.sleep(0.02)
    signal_processes(left, signal.SIGKILL)
    psutil.wait_procs(left, timeout=5)


@dataclass
class Process:
    """A command that can be started, stopped, killed and started again; its output goes to the file `log`."""

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    closing: Shutdown = field(default_factory=Shutdown)
    _child: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def start(self) -> psutil.Process:
        """Start it, in a session of its own: a terminal's Ctrl-C is for us, who know the order of closing."""
        if self._child:
            self._child.poll()  # the one before is buried
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_name(self.log.name + ".1"))
        with self._output() as output:
            try:
                self._child = subprocess.Popen(
                    self.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self.env,
                    cwd=self.cwd,
                    start_new_session=True,
                )
            except OSError as error:
                raise LocalError(f"{self.name} cannot be started: {error}.") from None
        # One that has ended by now is still there: nobody has buried it.
        return psutil.Process(self._child.pid)

    def _output(self) -> BinaryIO:
        try:
            return self.log.open("wb")
        except OSError as error:
            if not disk.is_full(error):
                raise
            return open(os.devnull, "wb")  # better without a log than not at all

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._child.pid if self._child and self.running else None

    def send(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self._child:
            self._child.send_signal(number)

    def stop(self, seconds: float = 10.0, how: int = signal.SIGTERM) -> None:
        """Ask it to end; after `seconds`, or when told to hurry, it is killed, with all that it started."""
        below, deadline = children(self.pid), time.monotonic() + seconds
        self.send(how)
        while self.running and time.monotonic() < deadline and not self.closing.hurry:
            time.sleep(0.02)
        self.kill()
        end_processes(below, 0, self.closing)

    def kill(self) -> None:
        """Kill it as a crash would, with no chance to clean up; what it started lives on."""
        self.send(signal.SIGKILL)
        if self._child:
            self._child.wait()

    def text(self) -> str:
        """What it has said so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self, count: int = 15, about: str = "") -> str:
        """The end of its log, or of those lines of it that mention `about`, and where to read on."""
        lines = [line for line in self.text().splitlines() if about in line][-count:]
        return "\n".join([f"The end of {self.log}:", *(f"  {line}" for line in lines)])
