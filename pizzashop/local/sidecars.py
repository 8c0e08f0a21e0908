"""The sidecars and the roles behind them: what to run, and in which environment."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pizzashop.local import dapr
from pizzashop.local.dapr import Dapr
from pizzashop.local.health import HOST
from pizzashop.local.project import App, Project
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


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of roles and sidecars: this interpreter's commands first, loopback only."""
    return {**dapr.environment(), "PATH": commands_path(), "DAPR_HOST_IP": "127.0.0.1", **(extra or {})}


def host_of_roles(env: Mapping[str, str]) -> str:
    """The address under which this machine reaches roles that have this environment."""
    return reachable(env.get("PIZZASHOP_HOST", "").strip().strip("[]") or HOST)


def daprd(binaries: Dapr, project: Project, app: App, host: str = HOST) -> list[str]:
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
