"""The roles and their sidecars, as `dapr run` runs them: started, watched and stopped as one."""

import re
import signal
from functools import partial

import psutil

from pizzashop.domain.errors import LocalError
from pizzashop.local import family, ports
from pizzashop.local.health import http_ok, wait_until
from pizzashop.local.process import Process
from pizzashop.local.project import App, Project

_SIDECAR = "the sidecar of"
_PORT_IN_USE = re.compile(r"Port \d+ is not available|address already in use")


class Crew:
    """`dapr run -f` and what it has started. The CLI does not say when a part dies, so this looks."""

    def __init__(self, process: Process, project: Project) -> None:
        self.process = process
        self.project = project
        self._seen: dict[psutil.Process, str] = {}
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
            self._seen = {}
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
        """Raise LocalError, with the end of its log, where the CLI, a role or a sidecar has ended."""
        if not self.process.running:
            raise LocalError(f"`dapr run` has ended. {self.process.tail()}")
        if not self._open:
            self._look()
        for child, name in self._seen.items():
            if family.gone(child):
                mark = f"app_id={name.split()[-1]}" if name.startswith(_SIDECAR) else f"- {name} =="
                raise LocalError(f"{name} has ended. {self.process.tail(about=mark)}")

    def stop(self) -> None:
        """Stop the roles, which finish what they can, then their sidecars, then the CLI."""
        if not self._open:
            # The CLI hears no signal until it has started everything: held, it starts nothing more.
            self.process.send(signal.SIGSTOP)
        # What the CLI started outlives it.
        everyone = [*family.children(self.process.pid), *self._seen]
        everyone += [below for child in self._seen for below in family.children(child.pid)]
        roles = [child for child, name in self._seen.items() if not name.startswith(_SIDECAR)]
        if self._open:
            family.end(roles, 10, self.process.closing)
            # It kills the sidecars: all that they know is in the store and with the scheduler.
            self.process.stop(5, signal.SIGINT)
        else:
            self.process.kill()
        family.end(everyone, 5, self.process.closing)

    def _look(self) -> None:
        for child in family.children(self.process.pid, deep=False):
            if child not in self._seen and (name := self._name(child)):
                self._seen[child] = name

    def _name(self, child: psutil.Process) -> str:
        try:
            words = child.cmdline()
        except psutil.Error:
            return ""
        if "--app-id" in words:
            return f"{_SIDECAR} {words[words.index('--app-id') + 1]}"
        for app in self.project.apps:
            if app.command and tuple(words[-len(app.command) + 1 :]) == app.command[1:]:
                return app.app_id
        return ""  # It asks daprd for its version first.


def _healthy(app: App) -> bool:
    role_is = not app.command or http_ok(app.ports["appPort"], "/healthz")
    return role_is and http_ok(app.ports["daprHTTPPort"], "/v1.0/healthz")
