"""A replica of a role: a second process with a sidecar of its own, beside a running shop."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from shop_client import PIZZASHOP
from shop_processes import READY_SECONDS

from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.ports import http_ok
from pizzashop.local.processes import Process, stop_processes
from pizzashop.local.programs import app_environment, daprd_command, role_environment
from pizzashop.local.project import Project
from pizzashop.local.shutdown import Shutdown, wait_until
from pizzashop.roles import Role

# The ports of a replica are those of the first process, plus this.
PORT_OFFSET = 100


class Replica:
    """A second process of the role and its sidecar, which start and stop together."""

    def __init__(self, role: Role, state_dir: Path, project: Project, dapr: Dapr, env: Mapping[str, str]) -> None:
        first = project.app(role.app_id)
        self._app = replace(first, ports={key: port + PORT_OFFSET for key, port in first.ports.items()})
        base, logs = role_environment(env), state_dir / "logs"
        serve = [PIZZASHOP, *first.command[1:], "--port", str(self._app.ports["appPort"])]
        environment = {**base, **first.env, **app_environment(self._app)}
        daprd = daprd_command(dapr, project, self._app)
        self._processes = (
            Process(f"{role.name}-2", serve, logs / f"{role.name}-2.log", environment),
            Process(f"sidecar-{role.name}-2", daprd, logs / f"sidecar-{role.name}-2.log", base),
        )

    def start(self) -> None:
        """Start both."""
        for process in self._processes:
            process.start()

    def wait(self) -> None:
        """Wait until both are healthy."""
        ports = self._app.ports
        for port, path in ((ports["appPort"], "/healthz"), (ports["daprHTTPPort"], "/v1.0/healthz")):
            wait_until(
                lambda port=port, path=path: http_ok(port, path),
                self._app.app_id,
                seconds=READY_SECONDS,
            )

    def stop(self) -> None:
        """Stop both."""
        for process in self._processes:
            process.stop(3)

    def kill(self) -> None:
        """Kill both at once, with their child processes."""
        stop_processes(self._processes, 0, Shutdown())

    def log_text(self) -> str:
        """Return what the role's process has logged."""
        return self._processes[0].log_text()
