"""The whole shop on this machine: opened, watched, closed.

with Shop(state_dir, project, dapr, env={"PIZZASHOP_PACE": "0"}) as shop:   # the services run
    shop.open()                                                             # every role is healthy
    shop.services["scheduler"].kill()
    shop.crew.process.pid                                                   # `dapr run`
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import psutil

from pizzashop.domain.errors import LocalError
from pizzashop.local import family, ports, sidecars
from pizzashop.local.closing import Closing
from pizzashop.local.connection import EMBEDDED, Connection
from pizzashop.local.crew import Crew
from pizzashop.local.dapr import Dapr
from pizzashop.local.process import Process
from pizzashop.local.project import Project
from pizzashop.local.services import Services


class Shop:
    """Services, sidecars and roles. Leaving the `with` stops what it started, in reverse."""

    def __init__(
        self,
        state_dir: Path,
        project: Project,
        dapr: Dapr,
        *,
        closing: Closing | None = None,
        env: Mapping[str, str] | None = None,
        needed: Sequence[Connection] = (EMBEDDED,),
    ) -> None:
        self.project = project
        self.closing = closing or Closing()
        self.services = Services(state_dir, dapr, self.closing, needed)
        self.log = state_dir / "logs" / "shop.log"
        environment = sidecars.environment(sidecars.launcher(state_dir, dapr), env)
        command = sidecars.run_all(dapr, project.run_file)
        process = Process("dapr run", command, self.log, environment, project.run_file.parent, self.closing)
        self.crew = Crew(process, project)
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self._require_closed)
            stack.enter_context(self.services)
            stack.callback(self.crew.stop)
            stack.callback(self.closing.begin)
            self._opened = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def open(self) -> None:
        """Start the roles with their sidecars, and wait until all of them are healthy."""
        self.crew.start()
        self.crew.wait()

    def mend(self) -> Iterator[Process]:
        """Start again what has ended of the open shop, one after another; raises LocalError where it cannot."""
        yield from self.services.mend()
        yield from self.crew.mend()

    def processes(self) -> list[psutil.Process]:
        """All that it has started and that lives."""
        pids = [each.process.pid for each in self.services]
        below = [child for pid in pids for child in family.children(pid)]
        return [*(psutil.Process(pid) for pid in pids if pid), *below, *self.crew.processes()]

    def _require_closed(self) -> None:
        deadline = time.monotonic() + 5
        # An outgoing connection, anybody's, may have one of them by now: that is no part of the shop.
        while ports.listened() & set(self.project.ports):
            if time.monotonic() > deadline:
                raise LocalError(f"The shop is closed, but ports are held: {ports.held(self.project.ports)}.")
            time.sleep(0.05)
