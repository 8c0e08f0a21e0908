"""`pizzashop up` in its own process, for the tests that observe it from outside."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
from shop_client import PIZZASHOP

from pizzashop.local.processes import descendants, end_processes
from pizzashop.local.project import Project
from pizzashop.local.shutdown import Shutdown

# A part of the last line that `up` prints while it opens the shop.
OPEN = "Ctrl-C closes the shop"
TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(1, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
# Runs a command, started in a new session, with its standard output as the controlling terminal.
IN_TERMINAL = (sys.executable, "-c", TAKE_TERMINAL)


class UpProcess:
    """`pizzashop up`, its output so far, and the processes that it had started when that was last read."""

    def __init__(self, project: Project, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.env = {**os.environ, "PIZZASHOP_STATE_DIR": str(state_dir)}
        self.cwd = project.run_file.parent
        self.output = ""
        self.descendants: list[psutil.Process] = []

    def start(self, *options: str, by: tuple[str, ...] = (), **streams: Any) -> None:
        """Start it. `by` is a command that runs it, such as `nohup`; `streams` replace the pipe to this process."""
        self.output = ""
        command = [*by, PIZZASHOP, "up", "--pace", "0", *options]
        piped = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.child = subprocess.Popen(command, env=self.env, cwd=self.cwd, **piped | streams)

    def read_until(self, text: str) -> None:
        """Read its output until a line contains `text`."""
        assert self.child.stdout
        for line in self.child.stdout:
            self.output += line
            if text in line:
                self.descendants = descendants(self.child.pid)
                return
        raise AssertionError(f"it ended without printing {text!r}: {self.output}")

    def find(self, words: str) -> psutil.Process:
        """Return the process that it has started with these words in the command line; of a role, the arbiter."""
        return next(each for each in self.descendants if words in " ".join(each.cmdline()))

    def close_output(self) -> None:
        """Close the pipe that its output goes to."""
        assert self.child.stdout
        self.child.stdout.close()
        self.child.stdout = None

    def end(self, *signals: int) -> int:
        """Send it these signals and wait until it ends; return its exit code."""
        for number in signals:
            self.child.send_signal(number)
        self.output += self.child.communicate(timeout=60)[0] or ""
        return self.child.returncode

    def kill(self) -> None:
        """Kill it and all that it has started."""
        if hasattr(self, "child"):
            started = [*self.descendants, *descendants(self.child.pid)]
            # Kill `up` first, because it restarts what ends.
            self.child.kill()
            end_processes(started, 0, Shutdown())
            self.child.communicate()
