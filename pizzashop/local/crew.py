"""The roles and their sidecars, as `dapr run` runs them: started, watched, mended and stopped as one."""

import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import psutil

from pizzashop.domain.errors import LocalError
from pizzashop.local import family, ports
from pizzashop.local.health import http_ok, wait_until
from pizzashop.local.part import Part
from pizzashop.local.process import Process
from pizzashop.local.project import App, Project

_PORT_IN_USE = re.compile(r"Port \d+ is not available|address already in use")


class Crew:
    """`dapr run -f` and what it has started. The CLI does not say when a part ends, so this looks."""

    def __init__(self, process: Process, project: Project) -> None:
        self.process = process
        self.project = project
        self._parts: list[Part] = []
        self._open = False

    def start(self) -> None:
        """Start all of it."""
        ports.wait_for_passers(self.project.ports, self.process.closing)
        self.process.start()

    def wait(self, seconds: float = 60.0) -> None:
        """Wait until every role and every sidecar says that it is healthy; once more where a port was in use."""
        try:
            self._wait(seconds)
        except LocalError:
            # The sidecars' gRPC ports lie where outgoing connections begin: one may hold a port for a moment.
            if _PORT_IN_USE.search(self.process.text()) is None:
                raise
            self.stop()
            self._parts = []
            self.start()
            self._wait(seconds)

    def _wait(self, seconds: float) -> None:
        for app in self.project.apps:
            ready, closing = partial(_healthy, app), self.process.closing
            what = f"{app.app_id} (its log: {self.process.log})"
            wait_until(ready, what, seconds=seconds, closing=closing, check=self.check)
        self._look()
        self._open = True

    def check(self) -> None:
        """Raise LocalError, with the end of its log, where the CLI, a role or a sidecar has ended while it opens."""
        self._require_cli()
        self._look()
        for part in self._parts:
            if part.gone:
                raise LocalError(f"{part.name} has ended. {self.process.tail(about=part.mark())}")

    def mend(self) -> Iterator[Process]:
        """Start again what has ended of the open crew, one after another; raises LocalError where it cannot."""
        self._require_cli()
        yield from (part.start_again() for part in self._parts if part.gone)

    def processes(self) -> list[psutil.Process]:
        """Those of it that live, the CLI among them."""
        cli = [psutil.Process(self.process.pid)] if self.process.pid else []
        found = [*cli, *family.children(self.process.pid), *(part.process for part in self._parts if not part.gone)]
        return list(dict.fromkeys(found))

    def stop(self) -> None:
        """Stop the roles, which finish what they can, then their sidecars, then the CLI."""
        if not self._open:
            # The CLI hears no signal until it has started everything: held, it starts nothing more.
            self.process.send(signal.SIGSTOP)
        # What the CLI started outlives it.
        everyone = self.processes()
        roles = [part.process for part in self._parts if not part.is_sidecar]
        if self._open:
            family.end(roles, 10, self.process.closing)
            # It kills the sidecars: all that they know is in the store and with the scheduler.
            self.process.stop(5, signal.SIGINT)
        else:
            self.process.kill()
        family.end(everyone, 5, self.process.closing)

    def _require_cli(self) -> None:
        if not self.process.running:
            raise LocalError(f"`dapr run` has ended. {self.process.tail()}")

    def _look(self) -> None:
        known = {part.process for part in self._parts}
        for child in family.children(self.process.pid, deep=False):
            if child not in known:
                with suppress(psutil.Error):
                    self._take(child, child.cmdline())

    def _take(self, child: psutil.Process, words: list[str]) -> None:
        # The CLI asks daprd for its version first: that is no part.
        for app in self.project.apps:
            is_sidecar = "--app-id" in words and words[words.index("--app-id") + 1] == app.app_id
            if is_sidecar or (app.command and tuple(words[-len(app.command) + 1 :]) == app.command[1:]):
                logs, closing = self.process.log.parent, self.process.closing
                self._parts.append(Part(app, child, is_sidecar=is_sidecar, logs=logs, closing=closing))


def _healthy(app: App) -> bool:
    role_is = not app.command or http_ok(app.ports["appPort"], "/healthz")
    return role_is and http_ok(app.ports["daprHTTPPort"], "/v1.0/healthz")
