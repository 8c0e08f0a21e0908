"""One child process: its output in a file, stopped politely first."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import psutil

from pizzashop.domain.errors import LocalError
from pizzashop.local import disk, family
from pizzashop.local.closing import Closing


@dataclass
class Process:
    """A command that can be started, stopped, killed and started again; its output goes to the file `log`."""

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    closing: Closing = field(default_factory=Closing)
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
        below, deadline = family.children(self.pid), time.monotonic() + seconds
        self.send(how)
        while self.running and time.monotonic() < deadline and not self.closing.hurry:
            time.sleep(0.02)
        self.kill()
        family.end(below, 0, self.closing)

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
