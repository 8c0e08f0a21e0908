"""The shop as thirteen processes that can be killed and started one by one."""

import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
from shop_client import PIZZASHOP

from pizzashop.local import family, ports, sidecars
from pizzashop.local.closing import Closing
from pizzashop.local.dapr import Dapr
from pizzashop.local.health import http_ok, wait_until
from pizzashop.local.process import Process
from pizzashop.local.project import Project
from pizzashop.local.services import Services
from pizzashop.roles import BY_NAME, ROLES

SERVICES = ("valkey", "placement", "scheduler")
PROCESSES = (*SERVICES, *(role.name for role in ROLES), *(f"sidecar-{role.name}" for role in ROLES))

READY_SECONDS = 240
"""How long a part may take to become healthy, on a machine that has much else to do."""


class Separate:
    """Its processes by name: `valkey`, `kitchen`, `sidecar-kitchen`, …"""

    def __init__(self, state_dir: Path, project: Project, dapr: Dapr, env: Mapping[str, str]) -> None:
        runtime_path = sidecars.launcher(state_dir, dapr)
        shutil.copy(project.config, runtime_path / ".dapr" / "config.yaml")
        base = sidecars.environment(runtime_path, env)
        self.services = Services(state_dir, dapr)
        self._project = project
        self._processes: dict[str, Process] = {}
        for role in ROLES:
            own = {**base, **sidecars.app_environment(project, role.app_id)}
            logs = state_dir / "logs"
            self._processes[role.name] = Process(role.name, [], logs / f"{role.name}.log", own)
            self.change(role.name)
            daprd, name = sidecars.daprd(runtime_path, project, role.app_id), f"sidecar-{role.name}"
            self._processes[name] = Process(name, daprd, logs / f"{name}.log", base)

    @contextmanager
    def running(self) -> Iterator["Separate"]:
        """All of it runs, and is healthy."""
        with ExitStack() as stack:
            stack.enter_context(self.services)
            for process in self._processes.values():
                stack.callback(process.stop, 3)
            ports.wait_for_passers(self._project.ports, Closing())
            for process in self._processes.values():
                process.start()
            self.wait(*self._processes)
            yield self

    def tell_to_stop(self, role: str) -> None:
        """SIGTERM."""
        self._processes[role].send(signal.SIGTERM)

    def runs(self, role: str) -> bool:
        """Whether the role's process has not ended."""
        return self._processes[role].running

    def change(self, role: str, *program: str) -> None:
        """Have the role served by another program from its next start on: by default by `pizzashop`, as at first."""
        process = self._processes[role]
        process.argv = [*(program or [PIZZASHOP]), *self._project.app(BY_NAME[role].app_id).command[1:]]

    def kill(self, *names: str) -> None:
        """`kill -9` of each, and of what it has started."""
        for name in names:
            process = self._process(name)
            below = family.children(process.pid)
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
                self.services[name].start()
            else:
                ports.wait_for_passers(self._ports_of(name), Closing())
                self._processes[name].start()
        self.wait(*(name for name in names if name not in SERVICES))

    def _process(self, name: str) -> Process:
        return self.services[name].process if name in SERVICES else self._processes[name]

    def _signal(self, number: int, *names: str) -> None:
        for process in map(self._process, names):
            below = family.children(process.pid)
            process.send(number)
            for child in below:
                child.send_signal(number)

    def _ports_of(self, name: str) -> list[int]:
        """Those that a role or a sidecar opens."""
        every = self._project.app(BY_NAME[name.removeprefix("sidecar-")].app_id).ports
        return [port for key, port in every.items() if (key == "appPort") != name.startswith("sidecar-")]

    def wait(self, *names: str) -> None:
        """Wait until these roles and sidecars say that they are healthy."""
        for name in names:
            wait_until(lambda name=name: _healthy(name), name, seconds=READY_SECONDS, closing=Closing())


def _healthy(name: str) -> bool:
    role = BY_NAME[name.removeprefix("sidecar-")]
    if name.startswith("sidecar-"):
        return http_ok(role.dapr_http_port, "/v1.0/healthz")
    return http_ok(role.port, "/healthz")
