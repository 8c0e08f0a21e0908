"""The shop as parts that a test can kill and start one by one. A role is two processes, see `worker`."""

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
from real_dapr import make_shop
from shop_client import PIZZASHOP

from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.processes import descendants, process_trees, stop_processes, wait_until_ready
from pizzashop.local.project import Project
from pizzashop.local.shutdown import Shutdown
from pizzashop.roles import ROLE_BY_NAME, ROLES

SERVICES = ("valkey", "placement", "scheduler")
PROCESSES = (*SERVICES, *(role.name for role in ROLES), *(f"sidecar-{role.name}" for role in ROLES))
# The servers behind the sidecars of a shop with this state store.
SERVERS_OF_STORE = {"redis": ("valkey",), "postgresql": ("postgresql", "valkey")}

# A process may take so long to become ready on a machine with much other load.
READY_SECONDS = 240


class ShopProcesses:
    """The processes by name: `valkey`, `kitchen`, `sidecar-kitchen`, …"""

    def __init__(
        self, state_dir: Path, project: Project, dapr: Dapr, env: Mapping[str, str], store: str = "redis"
    ) -> None:
        self.state_dir = state_dir
        self._project = project
        self._shop = make_shop(state_dir, project, dapr, env, store)
        self._killed: set[str] = set()

    @contextmanager
    def running(self) -> Iterator["ShopProcesses"]:
        """Run the whole shop within the block. A sidecar that ends by itself is started again, as `up` does."""
        stopping = threading.Event()
        supervisor = threading.Thread(target=self._restart_sidecars, args=[stopping])
        with self._shop as shop:
            shop.open(READY_SECONDS)
            supervisor.start()
            try:
                yield self
            finally:
                stopping.set()
                supervisor.join()

    def is_running(self, name: str) -> bool:
        """Return whether the process has not ended."""
        return self._shop[name].is_running

    def worker(self, role: str) -> psutil.Process:
        """Return the process that does the work of the role: the worker that gunicorn's arbiter has started."""
        (worker,) = descendants(self._shop[role].pid)
        return worker

    def replace_program(self, role: str, *program: str) -> None:
        """Serve the role by another program from its next start on; without one by `pizzashop`."""
        arguments = self._project.app(ROLE_BY_NAME[role].app_id).command[1:]
        self._shop[role].command = [*(program or [PIZZASHOP]), *arguments]

    def terminate(self, name: str) -> None:
        """Send SIGTERM to the process, but not to its descendants."""
        self._shop[name].send_signal(signal.SIGTERM)

    def kill(self, *names: str) -> None:
        """Kill each process and its descendants."""
        self._killed.update(names)
        stop_processes([self._shop[name] for name in names], 0, Shutdown())

    def freeze(self, *names: str) -> None:
        """Suspend each process and its descendants: their connections stay open without any answer."""
        self._signal_trees(signal.SIGSTOP, *names)

    def thaw(self, *names: str) -> None:
        """Continue the frozen processes."""
        self._signal_trees(signal.SIGCONT, *names)

    def start(self, *names: str) -> None:
        """Start the processes again, and wait until each is ready."""
        started = [self._shop[name] for name in names]
        for process in started:
            process.start()
            if process.name in (*SERVICES, "postgresql"):
                wait_until_ready([process], READY_SECONDS, Shutdown())
        self._killed.difference_update(names)
        wait_until_ready(started, READY_SECONDS, Shutdown())

    def _restart_sidecars(self, stopping: threading.Event) -> None:
        while not stopping.wait(0.2):
            for name, process in self._shop.sidecars.items():
                if process.has_ended and name not in self._killed:
                    process.start()

    def _signal_trees(self, number: int, *names: str) -> None:
        for process in process_trees(self._shop[name].pid for name in names):
            process.send_signal(number)
