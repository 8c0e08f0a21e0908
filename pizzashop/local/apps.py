"""The roles and their sidecars: started, watched, restarted and stopped as one.

apps["kitchen"]             # a role
apps["sidecar-kitchen"]     # and its sidecar
"""

import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import psutil

from pizzashop.local import dapr_binaries, processes
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.ports import HOST, http_ok, listening, wait_until
from pizzashop.local.processes import Process, Shutdown
from pizzashop.local.project import App, Project
from pizzashop.local.services import Service
from pizzashop.roles import ROLES
from pizzashop.settings import in_url, reachable

_FLAGS = {
    "appPort": "app-port",
    "daprHTTPPort": "dapr-http-port",
    "daprGRPCPort": "dapr-grpc-port",
    "daprInternalGRPCPort": "dapr-internal-grpc-port",
    "metricsPort": "metrics-port",
}


def commands_path() -> str:
    """The PATH of the roles: this interpreter's own commands first, so that no venv need be active."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def role_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of roles and sidecars: this interpreter's commands first, loopback only."""
    return {
        **dapr_binaries.inherited_environment(),
        "PATH": commands_path(),
        "DAPR_HOST_IP": "127.0.0.1",
        **(extra or {}),
    }


def host_of_roles(env: Mapping[str, str]) -> str:
    "The address under which this machine reaches roles that have this role_environment."
    return reachable(env.get("PIZZASHOP_HOST", "").strip().strip("[]") or HOST)


def daprd_command(binaries: Dapr, project: Project, app: App, host: str = HOST) -> list[str]:
    """Build the command of this app's sidecar. The app listens on `host`; the sidecar listens on loopback only."""
    options = {
        # daprd appends ":port" to this text, so an IPv6 address needs brackets.
        "app-channel-address": in_url(host),
        "app-id": app.app_id,
        "config": app.config or project.config,
        "dapr-listen-addresses": "127.0.0.1",
        "dapr-internal-grpc-listen-address": "127.0.0.1",
        "metrics-listen-address": "127.0.0.1",
        "placement-host-address": "127.0.0.1:50005",
        "scheduler-host-address": "127.0.0.1:50006",
        **{_FLAGS[key]: port for key, port in app.ports.items()},
        **app.options,
    }
    words = [*options.items(), *(("resources-path", each) for each in app.resources or (project.resources,))]
    return [str(binaries.daprd), *(f"--{key}={value}" for key, value in words)]


def app_environment(app: App) -> dict[str, str]:
    """What a role is told about itself and its sidecar, as `dapr run` tells it."""
    told = {"APP_ID": app.app_id, "APP_PORT": app.ports.get("appPort")}
    told |= {"DAPR_HTTP_PORT": app.ports.get("daprHTTPPort"), "DAPR_GRPC_PORT": app.ports.get("daprGRPCPort")}
    return {name: str(value) for name, value in told.items() if value is not None}


OPEN_SECONDS = 60.0
ROLE_SECONDS = 10.0
"""How long a role may take to finish its current work when the shop closes."""
_APP_IDS = {role.app_id for role in ROLES}
_PORT_IN_USE = re.compile(r"address already in use|Port \d+ is taken")


class Apps:
    """Every entry of the project's run file: its role, and its sidecar."""

    def __init__(
        self,
        state_dir: Path,
        project: Project,
        dapr: Dapr,
        closing: Shutdown | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._closing = closing or Shutdown()
        self._roles: dict[str, Service] = {}
        self._sidecars: dict[str, Service] = {}
        base, logs = role_environment(env), state_dir / "logs"
        host = host_of_roles(base)
        for app in project.apps:
            argv = daprd_command(dapr, project, app, host)
            sidecar = Process(f"the sidecar of {app.app_id}", argv, logs / f"sidecar-{app.name}.log", base)
            self._sidecars[f"sidecar-{app.name}"] = self._service(
                sidecar, app.sidecar_ports, partial(http_ok, app.ports["daprHTTPPort"], "/v1.0/healthz")
            )
            if app.command:
                own = {**base, **app.env, **app_environment(app)}
                role = Process(app.app_id, app.command, logs / f"{app.name}.log", own, app.directory)
                ready = partial(_answers, app, host)
                self._roles[app.name] = self._service(role, app.app_ports, ready)

    def __getitem__(self, name: str) -> Service:
        return {**self._roles, **self._sidecars}[name]

    def __iter__(self) -> Iterator[Service]:
        yield from self._roles.values()
        yield from self._sidecars.values()

    def start(self) -> None:
        """Start all of them; `wait` says when they are ready."""
        for each in self:
            each.launch()

    def wait(self, seconds: float = OPEN_SECONDS) -> None:
        """Wait until each is healthy; raises LocalError, with the end of its log, where one has ended."""
        deadline = time.monotonic() + seconds
        for each in self:
            what = f"{each.name} (its log: {each.process.log})"
            check = partial(self._check, deadline)
            wait_until(each.ready, what, seconds=deadline - time.monotonic(), closing=self._closing, check=check)

    def restart_ended(self) -> Iterator[Process]:
        """Start again what has ended, one after another; raises LocalError where one ended too often of late."""
        yield from (each.start_again() for each in self if each.ended)

    def processes(self) -> list[psutil.Process]:
        """All that they have started and that lives."""
        return processes.with_children(each.process.pid for each in self)

    def stop(self) -> None:
        """Stop the roles, which finish what they can, then their sidecars."""
        self._end(self._roles, ROLE_SECONDS)
        # A sidecar is killed: all that it knows is in the store and with the scheduler.
        self._end(self._sidecars, 0)

    def _check(self, deadline: float) -> None:
        for each in self:
            # An outgoing connection may have taken a port before the shop reserved it. Then start again.
            if each.ended and _PORT_IN_USE.search(each.process.text()) and time.monotonic() < deadline:
                each.launch()
            else:
                each.check()

    def _end(self, services: Mapping[str, Service], seconds: float) -> None:
        processes.end_processes(
            processes.with_children(each.process.pid for each in services.values()), seconds, self._closing
        )
        for each in services.values():
            each.kill()

    def _service(self, process: Process, ports: tuple[int, ...], ready: partial[bool]) -> Service:
        process.closing = self._closing
        return Service(process, ports, ready, self._closing)


def _answers(app: App, host: str) -> bool:
    """Whether the role is healthy. A program that is not one of the shop's roles need only listen on its ports."""
    if app.app_id in _APP_IDS:
        return http_ok(app.ports["appPort"], "/healthz", host)
    return all(listening(port, host) for port in app.app_ports)
