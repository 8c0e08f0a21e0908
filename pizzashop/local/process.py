"""One child process: its output in a file, stopped politely first."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from pizzashop.domain.errors import LocalError


@dataclass
class Process:
    """A command that can be started, stopped, killed and started again; its output goes to the file `log`."""

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    _child: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def start(self) -> None:
        """Start it, in a session of its own: a terminal's Ctrl-C is for us, who know the order of closing."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_name(self.log.name + ".1"))
        with self.log.open("wb") as output:
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

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._child.pid if self._child and self.running else None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    def family(self) -> list[psutil.Process]:
        """Itself and what it started, while it runs."""
        if self.pid is None:
            return []
        try:
            parent = psutil.Process(self.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def send(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self._child:
            self._child.send_signal(number)

    def stop(self, seconds: float = 10.0, how: int = signal.SIGTERM) -> None:
        """Ask it to end; what has not ended after `seconds` is killed, with all that it started."""
        family = self.family()
        self.send(how)
        if self._child:
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(seconds)
        end(family, seconds=0)
        if self._child:
            self._child.wait()

    def kill(self) -> None:
        """Kill it as a crash would, with no chance to clean up; what it started lives on."""
        self.send(signal.SIGKILL)
        if self._child:
            self._child.wait()

    def tail(self, count: int = 15, about: str = "") -> str:
        """The end of its log, or of those lines of it that mention `about`, and where to read on."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        lines = [line for line in text.splitlines() if about in line][-count:]
        return "\n".join([f"The end of {self.log}:", *(f"  {line}" for line in lines)])


def end(family: Sequence[psutil.Process], seconds: float, how: int = signal.SIGTERM) -> None:
    """Ask these processes to end, wait up to `seconds`, kill what is left."""
    if seconds > 0:
        for each in family:
            _send(each, how)
        _, family = psutil.wait_procs(family, timeout=seconds)
    for each in family:
        _send(each, signal.SIGKILL)
    psutil.wait_procs(family, timeout=5)


def _send(process: psutil.Process, number: int) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)
