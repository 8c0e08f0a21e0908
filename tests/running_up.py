"""`pizzashop up` in a process of its own, for the tests that look at it from outside."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
from shop_client import PIZZASHOP

from pizzashop.local import processes
from pizzashop.local.processes import Shutdown
from pizzashop.local.project import Project

OPEN = "Ctrl-C closes the shop"
TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(1, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
IN_TERMINAL = (sys.executable, "-c", TAKE_TERMINAL)
"""Runs a command, started in a new session, whose controlling terminal is then its standard output."""


class Up:
    """`pizzashop up` in a process of its own, what it has said so far, and all that it has started."""

    def __init__(self, project: Project, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.env = {**os.environ, "PIZZASHOP_STATE_DIR": str(state_dir)}
        self.cwd = project.run_file.parent
        self.said = ""
        self.everyone: list[psutil.Process] = []

    def start(self, *options: str, by: tuple[str, ...] = (), **streams: Any) -> None:
        """Start it; `by` is a command that runs it, such as `nohup`. Its output comes here, if no stream says else."""
        self.said = ""
        command = [*by, PIZZASHOP, "up", "--pace", "0", *options]
        piped = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.child = subprocess.Popen(command, env=self.env, cwd=self.cwd, **piped | streams)

    def until(self, text: str) -> None:
        """Read on until it says `text`."""
        assert self.child.stdout
        for line in self.child.stdout:
            self.said += line
            if text in line:
                self.everyone = processes.children(self.child.pid)
                return
        raise AssertionError(f"it ended without saying {text!r}: {self.said}")

    def find(self, words: str) -> psutil.Process:
        """What it has started with these words in its command line."""
        return next(each for each in self.everyone if words in " ".join(each.cmdline()))

    def leave(self) -> None:
        """Read no more of what it says."""
        assert self.child.stdout
        self.child.stdout.close()
        self.child.stdout = None

    def end(self, *signals: int) -> int:
        """Send it these signals and wait for its end; returns its exit code."""
        for each in signals:
            self.child.send_signal(each)
        self.said += self.child.communicate(timeout=60)[0] or ""
        return self.child.returncode

    def kill(self) -> None:
        """End all of it, whatever state it is in."""
        if hasattr(self, "child"):
            everyone = [*self.everyone, *processes.children(self.child.pid)]
            # It first: it starts again what ends.
            self.child.kill()
            processes.end_processes(everyone, 0, Shutdown())
            self.child.communicate()
