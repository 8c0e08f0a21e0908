"""Real processes for the tests of those who start and stop them."""

import sys
from pathlib import Path

from pizzashop.local.ports import wait_until
from pizzashop.local.processes import Process, Shutdown

CHILD = "import time; print('up', flush=True); time.sleep(600)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"
STUBBORN = f"import signal; signal.signal(15, signal.SIG_IGN); {CHILD}"


class Children:
    """Starts pieces of Python, each running when it is handed out."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._made: list[Process] = []

    def start(self, code: str) -> Process:
        """Run this code, and wait until it says that it is up."""
        process = Process("child", [sys.executable, "-c", code], self.directory / "child.log")
        self._made.append(process)
        process.start()
        wait_until(lambda: "up" in process.log.read_text(), "child", seconds=20, closing=Shutdown())
        return process

    def stop(self) -> None:
        """Stop all of them."""
        for each in self._made:
            each.stop(0)
