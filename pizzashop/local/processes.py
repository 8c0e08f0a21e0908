"""Supervised processes: start, watch, restart and stop every service, sidecar and role in the same way.

kitchen = Process("pizza-kitchen", ["pizzashop", "serve", "--role", "kitchen"], log, ports=(8003,), is_ready=...)
kitchen.start()
wait_until_ready([kitchen], 60, shutdown)
kitchen.restart()                        # after it has ended; raises an error when it ends too often
stop_processes([kitchen], 10, shutdown)
"""

import os
import re
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

import psutil

from pizzashop.errors import LocalError
from pizzashop.local.ports import wait_for_closing_connections
from pizzashop.local.shutdown import Shutdown, wait_until
from pizzashop.logs.reading import EARLIER_LOGS

# A process that ends more often than three times in a minute has a fault that a further restart does not repair.
MAX_RESTARTS = 3
RESTART_WINDOW_SECONDS = 60.0
_LOG_TAIL_LINES = 15
_PORT_IN_USE = re.compile(r"address already in use|Port \d+ is taken")


@dataclass(eq=False)
class Process:
    """A command that runs as a child process: its log file, its ports, its readiness check and its restart limit.

    `log` receives standard output and standard error; each start moves the previous log to a file that ends in `.1`,
    and that one to `.2`, up to `EARLIER_LOGS`.
    `is_ready` returns whether the running process can do its work. `clock` returns seconds, for the restart limit.
    """

    name: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str] | None = None
    directory: Path | None = None
    ports: tuple[int, ...] = ()
    is_ready: Callable[[], bool] = lambda: True
    shutdown: Shutdown = field(default_factory=Shutdown)
    clock: Callable[[], float] = time.monotonic
    _restarted_at: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_RESTARTS), init=False, repr=False)
    _child: "subprocess.Popen[bytes] | None" = field(default=None, init=False, repr=False)

    @property
    def was_started(self) -> bool:
        """Whether this object started the process, which may have ended since."""
        return self._child is not None

    @property
    def is_running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    @property
    def has_ended(self) -> bool:
        """Whether the process was started and has ended."""
        return self.was_started and not self.is_running

    @property
    def pid(self) -> int | None:
        """The process id; None unless the process is running."""
        return self._child.pid if self._child and self.is_running else None

    def start(self) -> None:
        """Start the process without waiting until it is ready. Raise LocalError if the command cannot be executed."""
        wait_for_closing_connections(self.ports, self.shutdown)
        with self._open_log() as output:
            try:
                self._child = subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self.env,
                    cwd=self.directory,
                    # In its own session the process gets no Ctrl-C from the terminal: the shop stops it, in order.
                    start_new_session=True,
                )
            except OSError as error:
                raise LocalError(f"{self.name} cannot be started: {error}.") from None

    @property
    def may_restart(self) -> bool:
        """Whether a restart would stay within the restart limit."""
        recent = self._restarted_at
        return len(recent) < MAX_RESTARTS or self.clock() - recent[0] >= RESTART_WINDOW_SECONDS

    def restart(self) -> None:
        """Start the ended process again. Raise LocalError, with the end of its log, if it has ended too often."""
        if not self.may_restart:
            raise LocalError(f"{self.name} ends again and again. {self._log_tail()}")
        self._restarted_at.append(self.clock())
        # A worker whose arbiter was killed may still hold the port.
        self._kill_group()
        self.start()

    def require_running(self) -> None:
        """Raise LocalError, with the end of the log, if the process has ended."""
        if self.has_ended:
            raise LocalError(f"{self.name} has ended. {self._log_tail()}")

    def stop(self, seconds: float = 10.0) -> None:
        """Stop the process and its descendants, see `stop_processes`."""
        stop_processes([self], seconds, self.shutdown)

    def kill(self) -> None:
        """Kill the process and its process group, such as a role's arbiter with its worker."""
        self._kill_group()
        if self._child:
            self._child.wait()

    def send_signal(self, number: int) -> None:
        """Send a signal to the process alone, if it is running. An arbiter passes on to its worker what concerns it."""
        if self._child:
            self._child.send_signal(number)

    def log_text(self) -> str:
        """Return the log since the last start."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _kill_group(self) -> None:
        # The process leads a group. The system gives no process the id of a group that still has a member.
        # macOS refuses the signal if all members have ended.
        with suppress(ProcessLookupError, PermissionError):
            if self._child:
                os.killpg(self._child.pid, signal.SIGKILL)

    def _log_tail(self) -> str:
        lines = self.log_text().splitlines()[-_LOG_TAIL_LINES:]
        return "\n".join([f"The end of {self.log}:", *(f"  {line}" for line in lines)])

    def _open_log(self) -> BinaryIO:
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            for number in range(EARLIER_LOGS, 0, -1):
                previous = self.log.with_name(f"{self.log.name}.{number - 1}") if number > 1 else self.log
                if previous.exists():
                    previous.replace(self.log.with_name(f"{self.log.name}.{number}"))
            return self.log.open("wb")
        except OSError:
            # On a full disk a process without a log is better than no process.
            return open(os.devnull, "wb")


def wait_until_ready(processes: Sequence[Process], seconds: float, shutdown: Shutdown) -> None:
    """Wait until all processes are ready, `seconds` in all. Raise LocalError if one has ended or takes too long."""
    deadline = time.monotonic() + seconds
    for process in processes:
        wait_until(
            process.is_ready,
            f"{process.name} (its log: {process.log})",
            seconds=deadline - time.monotonic(),
            shutdown=shutdown,
            check=partial(_require_all_running, processes, deadline),
        )


def _require_all_running(processes: Iterable[Process], deadline: float) -> None:
    for process in processes:
        if process.has_ended and _PORT_IN_USE.search(process.log_text()) and time.monotonic() < deadline:
            # An outgoing connection may have taken the port before the shop reserved it, and soon gives it back.
            process.start()
        else:
            process.require_running()


def stop_processes(processes: Iterable[Process], seconds: float, shutdown: Shutdown) -> None:
    """Stop the processes and their descendants: with SIGTERM, after `seconds` or on a forced shutdown with SIGKILL."""
    processes = list(processes)
    end_processes(process_trees(each.pid for each in processes), seconds, shutdown)
    for process in processes:
        process.kill()


def descendants(pid: int | None) -> list[psutil.Process]:
    """Return all running descendants of a process."""
    if pid is None:
        return []
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def process_trees(pids: Iterable[int | None]) -> list[psutil.Process]:
    """Return the running processes with these ids, and all their descendants."""
    found: list[psutil.Process] = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            found += [psutil.Process(pid), *descendants(pid)] if pid is not None else []
    return list(dict.fromkeys(found))


def has_ended(process: psutil.Process) -> bool:
    """Return whether the process has ended. A zombie, for which its parent has not waited yet, has ended."""
    try:
        return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def end_processes(processes: list[psutil.Process], seconds: float, shutdown: Shutdown) -> None:
    """End the processes with SIGTERM, after `seconds` or on a forced shutdown with SIGKILL; 0 seconds kill at once."""
    deadline = time.monotonic() + seconds
    if seconds > 0:
        _send_signal(processes, signal.SIGTERM)
    while (left := [each for each in processes if not has_ended(each)]) and time.monotonic() < deadline:
        if shutdown.is_forced:
            break
        time.sleep(0.02)
    _send_signal(left, signal.SIGKILL)
    psutil.wait_procs(left, timeout=5)


def _send_signal(processes: Iterable[psutil.Process], number: int) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
