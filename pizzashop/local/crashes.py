"""Kill a part of the open shop on request, and tell whoever asked what becomes of it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from pizzashop.auth.authentication import is_for_this_machine_alone
from pizzashop.crash.requests import NOT_SUPERVISED, Crash, CrashFiles, CrashRequest
from pizzashop.domain.history import utc_timestamp
from pizzashop.local.processes import RESTART_WINDOW_SECONDS, Process
from pizzashop.settings import Settings


class CrashRequests:
    """The requests to kill one of these processes, which have names.

    They are refused wherever others than this machine's users reach the shop.
    """

    def __init__(self, state_dir: Path, processes: Mapping[str, Process], settings: Settings) -> None:
        self._processes, self._settings = processes, settings
        self._files = CrashFiles(state_dir)
        self._crash: Crash | None = None
        self._kill_from = 0.0

    @contextmanager
    def accepted(self) -> Iterator[None]:
        """Take requests within the block."""
        if not is_for_this_machine_alone(self._settings):
            yield
            return
        # On a full disk the shop opens nevertheless.
        with suppress(OSError):
            self._files.open([name for name, process in self._processes.items() if process.was_started])
        try:
            yield
        finally:
            self._files.close()

    def kill_requested(self) -> Process | None:
        """Kill the part that a request names, or refuse to; return the process that was killed."""
        if request := self._files.take():
            refusal = self._refusal(request)
            crash = Crash(request=request, pace=self._settings.pace, refusal=refusal)
            # A crash that nobody could follow is not begun.
            if self._write(crash) and not refusal:
                self._crash, self._kill_from = crash, time.monotonic() + request.delay_seconds
        if self._crash is None or self._crash.killed_at or time.monotonic() < self._kill_from:
            return None
        process = self._processes[self._crash.request.part]
        self._crash.pid, self._crash.killed_at = process.pid, utc_timestamp()
        self._write(self._crash)
        process.kill()
        return process

    def note_progress(self, restarted: Process | None = None) -> None:
        """Note that the killed part has been restarted, and once it is ready that it is."""
        if self._crash is None:
            return
        process = self._processes[self._crash.request.part]
        if process is restarted:
            self._crash.restarted_at = utc_timestamp()
            self._write(self._crash)
        if self._crash.restarted_at and process.is_running and process.is_ready():
            self._crash.ready_at = utc_timestamp()
            self._write(self._crash)
            self._crash = None

    def _refusal(self, request: CrashRequest) -> str:
        """Return why a part is not killed; empty if it is."""
        # An account may have been added since the shop was opened.
        if not is_for_this_machine_alone(self._settings):
            return NOT_SUPERVISED
        process = self._processes.get(request.part)
        if process is None or not process.was_started:
            return f"{request.part} is no part that this shop has started"
        if self._crash:
            return f"{self._crash.request.part} was just killed: wait until it is ready again"
        if not process.is_running:
            return f"{request.part} does not run at the moment: it has ended by itself"
        if not process.may_restart:
            return (
                f"{request.part} ended so often in {RESTART_WINDOW_SECONDS:.0f} seconds that `pizzashop up` would"
                " close the shop: wait a minute"
            )
        return ""

    def _write(self, crash: Crash) -> bool:
        try:
            self._files.write(crash)
        except OSError:
            # On a full disk whoever asked waits in vain, and says so.
            return False
        return True
