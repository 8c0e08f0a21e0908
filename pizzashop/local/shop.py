"""The whole shop on this machine: opened, watched, closed.

with Shop(state_dir, project, dapr, env={"PIZZASHOP_PACE": "0"}) as shop:   # the services run
    shop.open()                                                             # every role is healthy
    shop["scheduler"].kill()
    shop["sidecar-kitchen"].kill()
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import psutil

from pizzashop.domain.errors import LocalError
from pizzashop.local import family, ports, preflight
from pizzashop.local.apps import Apps
from pizzashop.local.closing import Closing
from pizzashop.local.connection import EMBEDDED, Connection
from pizzashop.local.dapr import Dapr
from pizzashop.local.process import Process
from pizzashop.local.project import Project
from pizzashop.local.service import Service
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
        self.state_dir, self.project = state_dir, project
        self.closing = closing or Closing()
        self.services = Services(state_dir, dapr, self.closing, needed)
        self.apps = Apps(state_dir, project, dapr, self.closing, env)
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self._require_closed)
            # Some of them are in the range of ports that Linux gives to outgoing connections.
            stack.enter_context(ports.reserved(preflight.wanted(self.project)))
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
        return [*family.with_children(each.process.pid for each in self.services), *self.apps.processes()]

    def _require_closed(self) -> None:
        deadline = time.monotonic() + 5
        # An outgoing connection, anybody's, may have one of them by now: that is no part of the shop.
        while ports.listened() & set(self.project.ports):
            if time.monotonic() > deadline:
                raise LocalError(f"The shop is closed, but ports are held: {ports.held(self.project.ports)}.")
            time.sleep(0.05)
