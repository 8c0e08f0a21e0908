"""Real child processes for the tests of the code that starts and stops processes."""

import sys
from pathlib import Path

from pizzashop.local.processes import Process
from pizzashop.local.shutdown import wait_until

CHILD = "import time; print('up', flush=True); time.sleep(600)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"
STUBBORN = f"import signal; signal.signal(15, signal.SIG_IGN); {CHILD}"


class Children:
    """Starts pieces of Python code as processes, and stops all of them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._started: list[Process] = []

    def start(self, code: str) -> Process:
        """Run the code, and wait until it has printed `up`."""
        process = Process("child", [sys.executable, "-c", code], self.directory / "child.log")
        self._started.append(process)
        process.start()
        wait_until(lambda: "up" in process.log_text(), "child", seconds=20)
        return process

    def stop(self) -> None:
        """Kill all processes."""
        for process in self._started:
            process.stop(0)
