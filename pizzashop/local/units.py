"""`pizzashop units`: write systemd units for all that `pizzashop up` runs, from the same programs and `dapr.yaml`.

Each process has a unit, such as `pizzashop-kitchen.service`. `pizzashop.target` starts and stops all of them. Settings
and secrets are in a file of the user: the units name it, and this command only reads it.
"""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import click

from pizzashop.auth.authentication import validate_authentication
from pizzashop.errors import LocalError
from pizzashop.local import redis
from pizzashop.local.build import find_dapr
from pizzashop.local.checks import require_commands
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.processes import Process
from pizzashop.local.programs import (
    app_processes,
    command_path,
    role_environment,
    service_environment,
    service_processes,
)
from pizzashop.local.project import Project
from pizzashop.local.shop import ROLE_STOP_SECONDS
from pizzashop.local.shutdown import Shutdown
from pizzashop.settings import Settings

TARGET = "pizzashop.target"
# systemd creates this directory for the user of the services.
STATE_DIR = Path("/var/lib/pizzashop")

_HOMES = (Path("/home"), Path("/root"))
_MEMORY_MAX = {"role": "512M", "sidecar": "512M", "placement": "256M", "scheduler": "1G"}
# A role needs a thread for each request and each live page, and a file for each connection.
_MAX_TASKS, _MAX_FILES = 16384, 65536
# A role that stops finishes or releases its steps first.
_STOP_SECONDS = int(ROLE_STOP_SECONDS) + 5
_TARGET_TEXT = """\
[Unit]
Description=Pizzashop
Wants={units}

[Install]
WantedBy=multi-user.target
"""
_HARDENING = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
UMask=0077"""


@click.command()
@click.option(
    "--dir",
    "directory",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Write to this directory.",
)
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("/etc/pizzashop.env"),
    show_default=True,
    help="The file with the settings of the services; it may be absent.",
)
@click.option("--user", default="pizzashop", show_default=True, help="The user that the services run as.")
def units(directory: Path, env_file: Path, user: str) -> None:
    """Write systemd units for all that `pizzashop up` runs: a service for each process, and a target."""
    env_file = env_file.absolute()
    env = read_env_file(env_file)
    settings = Settings.from_env({**env, "PIZZASHOP_STATE_DIR": env.get("PIZZASHOP_STATE_DIR", str(STATE_DIR))})
    if settings.state_dir != STATE_DIR:
        raise LocalError(f"The services keep their data in {STATE_DIR}: remove PIZZASHOP_STATE_DIR from {env_file}.")
    validate_authentication(settings)
    project = Project.find().with_products(settings.products)
    require_commands(project)
    require_variables(project, env, env_file)
    if (dapr := find_dapr(Settings.from_env().cache_dir.expanduser().absolute())) is None:
        raise LocalError("There is no Dapr yet: run `pizzashop prepare` first.")
    require_readable([dapr.daprd, project.run_file, Path(sys.executable), Path(sys.executable).resolve()])
    try:
        project = project.write_components(STATE_DIR / "resources")
        written = render_units(project, dapr, env, env_file, user)
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in written.items():
            (directory / name).write_text(text)
    except OSError as error:
        raise LocalError(f"{error.filename} cannot be written: {error.strerror}.") from None
    click.echo(f"Wrote {len(written)} units to {directory}. To start all: systemctl daemon-reload, then")
    click.echo(f"systemctl enable --now {TARGET}")


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables of an `EnvironmentFile` of systemd, {} if it is absent; raise LocalError if invalid."""
    env = {}
    try:
        for line in path.read_text().splitlines() if path.exists() else ():
            for word in shlex.split(line, comments=True):
                name, separator, value = word.partition("=")
                if not separator:
                    raise ValueError("a line that is not NAME=value")
                env[name] = value
    except (OSError, ValueError) as error:
        # The error must not quote the line, which may have a password.
        raise LocalError(f"{path} cannot be read: {error}.") from None
    return env


def require_variables(project: Project, env: Mapping[str, str], env_file: Path) -> None:
    """Raise LocalError if `env` lacks a variable that a component reads."""
    entries = [entry for each in project.documents() for entry in each["spec"].get("metadata") or ()]
    if missing := sorted({each["envRef"] for each in entries if "envRef" in each} - env.keys()):
        raise LocalError(f"The components read {', '.join(missing)}: set that in {env_file}.")


def require_readable(paths: Iterable[Path]) -> None:
    """Raise LocalError if a file is in a home directory, which the services cannot read."""
    for path in paths:
        if any(path.is_relative_to(home) for home in _HOMES):
            remedy = "move it, for instance to /opt (Dapr is where PIZZASHOP_CACHE_DIR says)"
            raise LocalError(f"The services cannot read {path}, which is in a home directory: {remedy}.")


def render_units(
    project: Project, dapr: Dapr, env: Mapping[str, str], env_file: Path, user: str, state_dir: Path = STATE_DIR
) -> dict[str, str]:
    """Return the text of each unit by its name. `env` is the content of `env_file`."""
    shutdown = Shutdown()
    services = service_processes(state_dir, dapr, shutdown, env=service_environment({}))
    if not any(each.is_embedded for each in redis.connections(project)):
        del services["valkey"]
    if dapr.placement is None or dapr.scheduler is None:
        # `dapr init` runs them in containers.
        del services["placement"], services["scheduler"]
    own_env = {"PIZZASHOP_STATE_DIR": str(state_dir)}
    # The commands of the sidecars contain the address of the roles.
    own_env |= {name: value for name, value in env.items() if name == "PIZZASHOP_HOST"}
    roles, sidecars = app_processes(state_dir, project, dapr, role_environment(own_env, {}), shutdown)
    texts = {}
    for name, process in {**services, **sidecars, **roles}.items():
        # A role starts after its sidecar, and a sidecar after all services.
        predecessors = [f"sidecar-{name}"] if name in roles else list(services) if name in sidecars else []
        kind = "role" if name in roles else "sidecar" if name in sidecars else name
        lines = [
            *_start_lines(name, predecessors),
            "",
            "[Service]",
            f"User={user}",
            f"EnvironmentFile=-{_escape(str(env_file))}",
        ]
        texts[unit_name(name)] = "\n".join([*lines, *_process_lines(process), *_limits(kind), _HARDENING, ""])
    return {**texts, TARGET: _TARGET_TEXT.format(units=" ".join(texts))}


def unit_name(process_name: str) -> str:
    return f"pizzashop-{process_name}.service"


def _start_lines(name: str, predecessors: Iterable[str]) -> Iterator[str]:
    """Yield the section by which a service starts after its predecessors, and stops before them."""
    yield from ("[Unit]", f"Description=Pizzashop: {name}", f"PartOf={TARGET}")
    yield f"After={' '.join(['network.target', *map(unit_name, predecessors)])}"
    # Without a limit: a service that ends because a server is away is restarted until the server is back.
    yield "StartLimitIntervalSec=0"


def _process_lines(process: Process) -> Iterator[str]:
    if process.directory:
        yield f"WorkingDirectory={_escape(str(process.directory.resolve()))}"
    yield from (f"Environment={_quote(f'{name}={value}')}" for name, value in (process.env or {}).items())
    yield f"ExecStart={' '.join(_quote(word).replace('$', '$$') for word in _absolute_command(process))}"


def _limits(kind: str) -> Iterator[str]:
    yield f"StateDirectory={STATE_DIR.name}" + (f" {STATE_DIR.name}/valkey" if kind == "valkey" else "")
    yield from ("Restart=always", "RestartSec=1", "KillMode=mixed", f"TimeoutStopSec={_STOP_SECONDS}")
    yield from ("SyslogIdentifier=%N", f"TasksMax={_MAX_TASKS}", f"LimitNOFILE={_MAX_FILES}")
    if kind in _MEMORY_MAX:
        # systemd restarts a process that needs more, which loses no order. Valkey has no limit: it keeps the orders.
        yield f"MemoryMax={_MEMORY_MAX[kind]}"


def _absolute_command(process: Process) -> list[str]:
    """Return the command with the path of its program, because systemd does not search the PATH of the unit."""
    name, *words = process.command
    if os.sep in name:
        return [str((process.directory or Path()) / name), *words]
    return [shutil.which(name, path=command_path()) or name, *words]


def _quote(word: str) -> str:
    """Quote a word for a line of several words."""
    escaped = _escape(word.replace("\\", "\\\\").replace('"', '\\"'))
    return escaped if re.fullmatch(r"[\w@%+=:,./-]+", escaped) else f'"{escaped}"'


def _escape(text: str) -> str:
    """Escape specifiers, which systemd replaces in any line: `%n` is the name of the unit."""
    return text.replace("%", "%%")
