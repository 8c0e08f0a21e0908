"""The whole shop on this machine: start all its processes in order, watch them, and stop them in reverse order.

with Shop(state_dir, project, dapr, env={"PIZZASHOP_PACE": "0"}) as shop:   # the services are ready
    shop.open()                                                             # the roles and sidecars are ready
    shop["scheduler"].kill()
    for process in shop.restart_ended(): ...
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self

import psutil

from pizzashop.errors import LocalError
from pizzashop.local import repairs
from pizzashop.local.checks import ETCD_LOG_BYTES, MIN_FREE_BYTES, free_bytes, required_ports
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.ports import is_listening, reserve_ports
from pizzashop.local.postgresql import URL_VARIABLE, EmbeddedPostgresql
from pizzashop.local.processes import (
    Process,
    descendants,
    end_processes,
    has_ended,
    process_trees,
    stop_processes,
    wait_until_ready,
)
from pizzashop.local.programs import app_processes, role_environment, service_processes
from pizzashop.local.project import Project
from pizzashop.local.shutdown import Shutdown
from pizzashop.local.telemetry import Telemetry

SERVICE_START_SECONDS = 30.0
OPEN_SECONDS = 60.0
# A role may take this long to finish or release the steps that it runs.
ROLE_STOP_SECONDS = 10.0


class Shop:
    """The processes of the shop by name: `valkey`, `kitchen`, `sidecar-kitchen` and so on.

    Entering the context starts the services that are not running yet; the shop uses a running one, and never stops it.
    Leaving the context stops all that the shop has started. What must survive is under `state_dir`, and the next shop
    with the same directory continues with it.

    A sidecar ends at once while a server that it needs is away: `can_run_sidecars` says whether to restart it yet.
    """

    def __init__(
        self,
        state_dir: Path,
        project: Project,
        dapr: Dapr,
        *,
        shutdown: Shutdown | None = None,
        env: Mapping[str, str] | None = None,
        needs_valkey: bool = True,
        postgresql: EmbeddedPostgresql | None = None,
        telemetry: Telemetry | None = None,
        can_run_sidecars: Callable[[], bool] = lambda: True,
    ) -> None:
        self.state_dir, self.project = state_dir, project
        self.shutdown = shutdown or Shutdown()
        self.services = service_processes(state_dir, dapr, self.shutdown, postgresql, telemetry)
        store_env = {URL_VARIABLE: postgresql.url} if postgresql else {}
        telemetry_env = telemetry.environment() if telemetry else {}
        environment = role_environment({**store_env, **telemetry_env, **(env or {})})
        self.roles, self.sidecars = app_processes(state_dir, project, dapr, environment, self.shutdown)
        # One sentence for each file that was damaged and has been repaired.
        self.repairs: list[str] = []
        self._needs_valkey, self._postgresql, self._telemetry = needs_valkey, postgresql, telemetry
        self._can_run_sidecars = can_run_sidecars
        self._pid_file = PidFile(state_dir)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self._pid_file.end_leftovers, self.shutdown)
            # Some of these ports are in the range that Linux gives to outgoing connections.
            stack.enter_context(reserve_ports(required_ports(self.project, has_telemetry=self._telemetry is not None)))
            for process in self.services.values():
                stack.callback(process.stop)
                self._start_service(process)
            self._pid_file.write(self.process_trees())
            stack.callback(self._stop_apps)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def processes(self) -> Mapping[str, Process]:
        """All processes by name."""
        return {**self.services, **self.roles, **self.sidecars}

    def __getitem__(self, name: str) -> Process:
        return self.processes[name]

    def __iter__(self) -> Iterator[Process]:
        yield from self.processes.values()

    def open(self, seconds: float = OPEN_SECONDS) -> None:
        """Start the roles with their sidecars, and wait until all are ready; raise LocalError if one is not."""
        apps = [*self.roles.values(), *self.sidecars.values()]
        for process in apps:
            process.start()
        self._pid_file.write(self.process_trees())
        wait_until_ready(apps, seconds, self.shutdown)
        self._pid_file.write(self.process_trees())

    def restart_ended(self) -> Iterator[Process]:
        """Restart the processes that have ended, and yield each; raise LocalError if one ends again and again."""
        for process in self:
            if process.has_ended and self._can_restart(process):
                process.restart()
                self._pid_file.write(self.process_trees())
                yield process

    def process_trees(self) -> list[psutil.Process]:
        """Return all running processes that the shop has started, with their descendants."""
        return process_trees(process.pid for process in self)

    def _start_service(self, process: Process) -> None:
        is_shared = process.ports and is_listening(process.ports[0])
        if is_shared or (process.name == "valkey" and not self._needs_valkey):
            return
        if process.name == "valkey":
            (self.state_dir / "valkey").mkdir(parents=True, exist_ok=True)
            self.repairs += repairs.repair_valkey(self.state_dir / "valkey")
        if process.name == "postgresql" and self._postgresql:
            self._postgresql.prepare()
        process.start()
        try:
            wait_until_ready([process], SERVICE_START_SECONDS, self.shutdown)
        except LocalError:
            is_damaged = process.has_ended and repairs.ended_by_damage(process.log_text())
            if process.name != "scheduler" or not is_damaged:
                raise
            moved = repairs.move_scheduler_data(self.state_dir / "scheduler")
            self.repairs.append(
                f"scheduler: its database was damaged; it begins with a new one, and the damaged one is now {moved}"
            )
            process.start()
            wait_until_ready([process], SERVICE_START_SECONDS, self.shutdown)

    def _can_restart(self, process: Process) -> bool:
        """Return whether the process would run: the disk has room, and the servers that a sidecar needs are there."""
        if process in self.sidecars.values():
            return self._can_run_sidecars()
        if process not in self.services.values():
            return True
        ran_out = process.name == "scheduler" and "no space left" in process.log_text()
        return free_bytes(self.state_dir) >= (ETCD_LOG_BYTES if ran_out else MIN_FREE_BYTES)

    def _stop_apps(self) -> None:
        self.shutdown.begin()
        stop_processes(self.roles.values(), ROLE_STOP_SECONDS, self.shutdown)
        # A sidecar may be killed: all its data is in the store and in the scheduler.
        stop_processes(self.sidecars.values(), 0, self.shutdown)


class PidFile:
    """The processes of the open shop, and a lock; the next `pizzashop up` ends what a killed one has left."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "open.json"
        self._lock = state_dir / "open.lock"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock within the block. Raise LocalError if the shop is open, or the directory is not writable."""
        try:
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            lock = self._lock.open("a+")
        except OSError as error:
            raise LocalError(f"{self._lock.parent} cannot be written: {error.strerror}.") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise LocalError(f"The shop is already open (pid {lock.read().strip()}).") from None
            os.ftruncate(lock.fileno(), 0)
            # After a failed write, the file's buffer would try again when the file is closed.
            os.write(lock.fileno(), str(os.getpid()).encode())
            yield

    def write(self, processes: Iterable[psutil.Process]) -> None:
        """Write the pid and the start time of each process: the system may reuse a pid for another process."""
        entries = []
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                entries.append([process.pid, process.create_time()])
        new = self.path.with_name(f"{self.path.name}.new")
        try:
            new.write_text(json.dumps(entries))
            new.replace(self.path)
        except OSError:
            new.unlink(missing_ok=True)
            # On a full disk an open shop continues with what the file says already.
            if not self.path.exists():
                raise

    def running_processes(self) -> list[psutil.Process]:
        """Return the processes of the file that are still running, with their descendants."""
        found: list[psutil.Process] = []
        with suppress(OSError, ValueError):
            for pid, started_at in json.loads(self.path.read_text()):
                with suppress(psutil.NoSuchProcess):
                    process = psutil.Process(pid)
                    if process.create_time() == started_at and not has_ended(process):
                        found += [process, *descendants(pid)]
        return list(dict.fromkeys(found))

    def end_leftovers(self, shutdown: Shutdown) -> int | None:
        """End the processes that an unclosed shop has left; return their number, or None if the shop was closed."""
        if not self.path.exists():
            return None
        left = self.running_processes()
        end_processes(left, 5, shutdown)
        self.path.unlink(missing_ok=True)
        return len(left)
