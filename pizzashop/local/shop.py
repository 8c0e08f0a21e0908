"""The whole shop on this machine: opened, watched, closed.

with Shop(state_dir, project, dapr, env={"PIZZASHOP_PACE": "0"}) as shop:   # the services run
    shop.open()                                                             # every role is healthy
    shop["scheduler"].kill()
    shop["sidecar-kitchen"].kill()
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self

import psutil

from pizzashop.errors import LocalError
from pizzashop.local import disk, ports, processes
from pizzashop.local.apps import Apps, commands_path
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.ports import listening
from pizzashop.local.processes import Process, Shutdown
from pizzashop.local.project import App, Project
from pizzashop.local.redis import EMBEDDED, Connection
from pizzashop.local.services import PORTS, Service, Services


def require_startable(
    project: Project, closing: Shutdown | None = None, tell: ports.ReportPorts = lambda _: None
) -> None:
    """Raise LocalError where a port is held by another, or a command of the run file cannot be found."""
    ports.require_free(required_ports(project), closing or Shutdown(), tell)
    require_commands(project)


def require_commands(project: Project) -> None:
    """Raise LocalError where a command of the run file cannot be found."""
    for app in project.apps:
        if app.command and not shutil.which(_program(app), path=commands_path()):
            mend = ": run `pip install -e .` in the project" if app.command[0] == "pizzashop" else ""
            raise LocalError(f"`{app.command[0]}`, which {app.app_id} runs, is not installed{mend}.")


def _program(app: App) -> str:
    # With a slash in its name it is looked for in the app's directory, not in the PATH.
    name = app.command[0]
    return str((app.directory or Path()) / name) if os.sep in name else name


def required_ports(project: Project) -> list[int]:
    """Every port that must be free: those of the roles and sidecars, and of the services that do not run yet."""
    of_services = [port for each in PORTS.values() if not listening(each[0]) for port in each]
    return [*project.ports, *of_services]


class Register:
    """Held while the shop is open; it survives a killed `pizzashop up`, so that the next one can tidy up."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "open.json"
        self._lock = state_dir / "open.lock"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it; raises LocalError where the shop is open already or the directory cannot be written."""
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
            # Past the buffer, which would try to write once more at the end.
            os.write(lock.fileno(), str(os.getpid()).encode())
            yield

    def note(self, processes: Iterable[psutil.Process]) -> None:
        """Write down which processes belong to the open shop. A pid alone may be another's tomorrow."""
        noted = []
        for each in processes:
            with suppress(psutil.NoSuchProcess):
                noted.append([each.pid, each.create_time()])
        new = self.path.with_name(f"{self.path.name}.new")
        try:
            new.write_text(json.dumps(noted))
            new.replace(self.path)
        except OSError as error:
            new.unlink(missing_ok=True)
            # An open shop goes on with what was written down before.
            if not disk.is_full(error) or not self.path.exists():
                raise

    def left(self) -> list[psutil.Process]:
        """Those of them that still live."""
        found: list[psutil.Process] = []
        with suppress(OSError, ValueError):
            for pid, began in json.loads(self.path.read_text()):
                with suppress(psutil.NoSuchProcess):
                    process = psutil.Process(pid)
                    if process.create_time() == began and not processes.has_ended(process):
                        found += [process, *processes.children(pid)]
        return list(dict.fromkeys(found))

    def tidy(self, closing: Shutdown) -> int | None:
        """End what a shop that was not closed has left; returns how many processes, None where it was closed."""
        if not self.path.exists():
            return None
        left = self.left()
        processes.end_processes(left, 5, closing)
        self.path.unlink(missing_ok=True)
        return len(left)


class Shop:
    """Services, sidecars and roles. Leaving the `with` stops what it started, in reverse."""

    def __init__(
        self,
        state_dir: Path,
        project: Project,
        dapr: Dapr,
        *,
        closing: Shutdown | None = None,
        env: Mapping[str, str] | None = None,
        needed: Sequence[Connection] = (EMBEDDED,),
    ) -> None:
        self.state_dir, self.project = state_dir, project
        self.closing = closing or Shutdown()
        self.services = Services(state_dir, dapr, self.closing, needed)
        self.apps = Apps(state_dir, project, dapr, self.closing, env)
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self._require_closed)
            # Some of them are in the range of ports that Linux gives to outgoing connections.
            stack.enter_context(ports.reserved(required_ports(self.project)))
            stack.enter_context(self.services)
            stack.callback(self.apps.stop)
            stack.callback(self.closing.begin)
            self._opened = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def __getitem__(self, name: str) -> Service:
        """One part of it: `valkey`, `kitchen`, `sidecar-kitchen`, …"""
        return self.services[name] if name in self.services else self.apps[name]

    @property
    def logs(self) -> list[Path]:
        """The log of each part."""
        return [each.process.log for each in (*self.services, *self.apps)]

    def open(self) -> None:
        """Start the roles with their sidecars, and wait until all of them are healthy."""
        self.apps.start()
        self.apps.wait()

    def restart_ended(self) -> Iterator[Process]:
        """Start again what has ended of the open shop, one after another; raises LocalError where it cannot."""
        yield from self.services.restart_ended()
        yield from self.apps.restart_ended()

    def processes(self) -> list[psutil.Process]:
        """All that it has started and that lives."""
        return [*processes.with_children(each.process.pid for each in self.services), *self.apps.processes()]

    def _require_closed(self) -> None:
        deadline = time.monotonic() + 5
        # An outgoing connection, anybody's, may have one of them by now: that is no part of the shop.
        while ports.listened() & set(self.project.ports):
            if time.monotonic() > deadline:
                raise LocalError(f"The shop is closed, but ports are held: {ports.held(self.project.ports)}.")
            time.sleep(0.05)
