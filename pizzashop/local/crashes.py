"""Kill a part of the open shop on request, and report until it is ready again."""

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
    """Kills one of `processes`, which have names, when a request asks for it.

    It refuses where others than the users of this machine can reach the shop.
    """

    def __init__(self, state_dir: Path, processes: Mapping[str, Process], settings: Settings) -> None:
        self._processes, self._settings = processes, settings
        self._files = CrashFiles(state_dir)
        self._crash: Crash | None = None
        self._kill_from = 0.0

    @contextmanager
    def accepted(self) -> Iterator[None]:
        """Accept requests within the block."""
        if not is_for_this_machine_alone(self._settings):
            yield
            return
        # With a full disk the shop shall open nevertheless, without crashes on request.
        with suppress(OSError):
            self._files.open([name for name, process in self._processes.items() if process.was_started])
        try:
            yield
        finally:
            self._files.close()

    def kill_requested(self) -> Process | None:
        """Take the request that waits, and kill its part when that is due. Return the killed process, if any."""
        if request := self._files.take():
            refusal = self._refusal(request)
            crash = Crash(request=request, pace=self._settings.pace, refusal=refusal)
            # Kill nothing if the answer cannot be written: nobody could follow the crash.
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
        """Report that the killed part is `restarted`, and later that it is ready."""
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
        """Return why the part of a request must not be killed; empty if it may."""
        # A first account may have been added since the shop was opened.
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
            # With a full disk the sender gets no answer, and says so after ANSWER_SECONDS.
            return False
        return True
