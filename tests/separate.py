"""The shop as thirteen processes that can be killed and started one by one."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from shop_client import PIZZASHOP

from pizzashop.local import processes
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.ports import wait_until
from pizzashop.local.processes import Shutdown
from pizzashop.local.project import Project
from pizzashop.local.shop import Shop
from pizzashop.roles import ROLE_BY_NAME, ROLES

SERVICES = ("valkey", "placement", "scheduler")
PROCESSES = (*SERVICES, *(role.name for role in ROLES), *(f"sidecar-{role.name}" for role in ROLES))

READY_SECONDS = 240
"""How long a part may take to become healthy, on a machine that has much else to do."""


class Separate:
    """Its processes by name: `valkey`, `kitchen`, `sidecar-kitchen`, …"""

    def __init__(self, state_dir: Path, project: Project, dapr: Dapr, env: Mapping[str, str]) -> None:
        self._project = project
        self._shop = Shop(state_dir, project, dapr, env=env)
        self.services = self._shop.services

    @contextmanager
    def running(self) -> Iterator["Separate"]:
        """All of it runs, and is healthy."""
        with self._shop as shop:
            shop.apps.start()
            shop.apps.wait(READY_SECONDS)
            yield self

    def tell_to_stop(self, role: str) -> None:
        """SIGTERM."""
        self._shop[role].process.send(signal.SIGTERM)

    def runs(self, name: str) -> bool:
        """Whether the process has not ended."""
        return self._shop[name].process.running

    def change(self, role: str, *program: str) -> None:
        """Have the role served by another program from its next start on: by default by `pizzashop`, as at first."""
        words = self._project.app(ROLE_BY_NAME[role].app_id).command[1:]
        self._shop[role].process.argv = [*(program or [PIZZASHOP]), *words]

    def kill(self, *names: str) -> None:
        """`kill -9` of each, and of what it has started."""
        for name in names:
            process = self._shop[name].process
            below = processes.children(process.pid)
            process.kill()
            for child in below:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
            psutil.wait_procs(below, timeout=10)

    def freeze(self, *names: str) -> None:
        """Stop the clock of each, and of what it has started: it holds its connections, and says nothing."""
        self._signal(signal.SIGSTOP, *names)

    def thaw(self, *names: str) -> None:
        """Let them go on, as if nothing had been."""
        self._signal(signal.SIGCONT, *names)

    def start(self, *names: str) -> None:
        """Start them again, and wait until each is healthy."""
        for name in names:
            if name in SERVICES:
                self._shop[name].start()
            else:
                self._shop[name].launch()
        for name in names:
            wait_until(self._shop[name].ready, name, seconds=READY_SECONDS, closing=Shutdown())

    def _signal(self, number: int, *names: str) -> None:
        for name in names:
            process = self._shop[name].process
            below = processes.children(process.pid)
            process.send(number)
            for child in below:
                child.send_signal(number)
