"""The sidecars and the roles behind them: what to run, and in which environment.

runtime_path = launcher(state_dir, dapr)
env = environment(runtime_path)
everything = Process("dapr run", run_all(dapr, project.run_file), log, env)
one_sidecar = Process("sidecar", daprd(runtime_path, project, "pizza-kitchen"), log, env)
one_role = Process("kitchen", project.app("pizza-kitchen").command, log,
                   {**env, **app_environment(project, "pizza-kitchen")})
"""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from pizzashop.local.dapr import Dapr, bin_dir
from pizzashop.local.project import Project

_FLAGS = {
    "appPort": "app-port",
    "daprHTTPPort": "dapr-http-port",
    "daprGRPCPort": "dapr-grpc-port",
    "daprInternalGRPCPort": "dapr-internal-grpc-port",
    "metricsPort": "metrics-port",
}


def launcher(state_dir: Path, dapr: Dapr) -> Path:
    """Write a daprd that keeps all its ports on loopback; returns the DAPR_RUNTIME_PATH that leads to it."""
    # `dapr run` has no option for these two addresses, and daprd's default is every address.
    flags = "--dapr-internal-grpc-listen-address 127.0.0.1 --metrics-listen-address 127.0.0.1"
    runtime_path = state_dir.absolute() / "runtime"
    script = bin_dir(runtime_path) / "daprd"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(str(dapr.daprd))} {flags} "$@"\n')
    script.chmod(0o755)
    return runtime_path


def commands_path() -> str:
    """The PATH for `dapr run`: this interpreter's own commands first, so that no venv need be active."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def environment(runtime_path: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for `dapr run` and all below it: this interpreter's commands first, loopback only."""
    ours = {"PATH": commands_path(), "DAPR_RUNTIME_PATH": str(runtime_path), "DAPR_HOST_IP": "127.0.0.1"}
    return {**os.environ, **ours, **(extra or {})}


def run_all(dapr: Dapr, run_file: Path) -> list[str]:
    """The command that runs every role with its sidecar."""
    return [str(dapr.cli), "run", "-f", str(run_file)]


def daprd(runtime_path: Path, project: Project, app_id: str) -> list[str]:
    """The command that runs the sidecar of this app-id alone, as `dapr run` would."""
    options = {
        "app-id": app_id,
        "resources-path": project.resources,
        "config": project.config,
        "dapr-listen-addresses": "127.0.0.1",
        "placement-host-address": "127.0.0.1:50005",
        "scheduler-host-address": "127.0.0.1:50006",
        **{_FLAGS[key]: port for key, port in project.app(app_id).ports.items()},
    }
    words = (f"--{key}={value}" for key, value in options.items())
    return [str(bin_dir(runtime_path) / "daprd"), *words]


def app_environment(project: Project, app_id: str) -> dict[str, str]:
    """What `dapr run` tells a role about itself and its sidecar."""
    ports = project.app(app_id).ports
    return {
        "APP_ID": app_id,
        "APP_PORT": str(ports["appPort"]),
        "DAPR_HTTP_PORT": str(ports["daprHTTPPort"]),
        "DAPR_GRPC_PORT": str(ports["daprGRPCPort"]),
    }
