"""Checks of this machine: `up` makes them before it opens the shop and while it is open, `doctor` reports them."""

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import valkey

from pizzashop.errors import LocalError
from pizzashop.local import postgresql, redis, repairs
from pizzashop.local.brokers import Broker
from pizzashop.local.ports import is_listening, port_holder, require_free_ports
from pizzashop.local.programs import SERVICE_PORTS, command_path, valkey_binary
from pizzashop.local.project import Project
from pizzashop.local.redis import Connection
from pizzashop.local.shutdown import Shutdown, wait_until
from pizzashop.local.telemetry import TELEMETRY_PORTS

# The first opening needs this room: the scheduler creates two logs of 64 MB.
FIRST_OPENING_BYTES = 200 * 1024**2
# A new log of the scheduler needs this room.
ETCD_LOG_BYTES = 80 * 1024**2
# With less room than this the disk counts as full, and the shop starts nothing.
MIN_FREE_BYTES = 16 * 1024**2
_LOW_BYTES = 1024**3
_LOADING_SECONDS = 300.0


@dataclass(frozen=True)
class Finding:
    """The result of one check: what was found, and the remedy. Only `wrong` keeps the shop from opening."""

    part: str
    state: Literal["ok", "note", "wrong"]
    found: str
    remedy: str = ""


def required_ports(project: Project, *, has_telemetry: bool = False) -> list[int]:
    """Return the ports that must be free: those of roles and sidecars, and of services that are not running yet.

    The servers of telemetry are never shared: another one would not know this shop.
    """
    service_ports = [port for ports in SERVICE_PORTS.values() if not is_listening(ports[0]) for port in ports]
    telemetry_ports = [port for ports in TELEMETRY_PORTS.values() for port in ports] if has_telemetry else []
    return [*project.ports, *service_ports, *telemetry_ports]


def require_startable(project: Project, shutdown: Shutdown | None = None, *, has_telemetry: bool = False) -> None:
    """Raise LocalError if a required port is taken, or a command of the run file does not exist."""
    require_free_ports(required_ports(project, has_telemetry=has_telemetry), shutdown or Shutdown())
    require_commands(project)


def require_commands(project: Project) -> None:
    """Raise LocalError if a command of the run file does not exist."""
    for app in project.apps:
        name = app.command[0] if app.command else ""
        # The system looks for a name with a slash in the app's directory, not in the PATH.
        program = str((app.directory or Path()) / name) if os.sep in name else name
        if name and not shutil.which(program, path=command_path()):
            remedy = ": run `pip install -e .` in the project" if name == "pizzashop" else ""
            raise LocalError(f"`{name}`, which {app.app_id} runs, is not installed{remedy}.")


def free_bytes(directory: Path) -> int:
    """Return how many bytes are free on the disk of `directory`, which need not exist yet."""
    existing = next(each for each in (directory, *directory.parents) if each.exists())
    return shutil.disk_usage(existing).free


@contextmanager
def report_full_disk(directory: Path) -> Iterator[None]:
    """Turn the OSError of a full disk within the block into a LocalError that names `directory`."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise LocalError(f"The disk of {directory} is full: make room, and open the shop again.") from None


def check_disk(state_dir: Path) -> Finding:
    """Check how much room the disk of the state directory has."""
    free = free_bytes(state_dir)
    found = f"{free // 1024**2} MiB are free on the disk of {state_dir}"
    needed = MIN_FREE_BYTES if (state_dir / "scheduler").exists() else FIRST_OPENING_BYTES
    if free < needed:
        return Finding("Disk", "wrong", found, f"make room, because opening takes {needed // 1024**2} MiB")
    return Finding("Disk", "note", found, "make room") if free < _LOW_BYTES else Finding("Disk", "ok", found)


def check_storage(project: Project, state_dir: Path, postgres_url: str = "") -> Iterator[Finding]:
    """Check the disk, and the Redis and PostgreSQL servers of the components."""
    yield check_disk(state_dir)
    try:
        for connection in redis.connections(project):
            yield from _check_redis(connection, state_dir)
        if postgres := postgresql.find_connection(project, state_dir, postgres_url):
            yield from _check_postgresql(postgres)
    except LocalError as error:
        yield Finding("Components", "wrong", str(error), "correct that, or restore it: git checkout -- resources")


def require_redis(project: Project, state_dir: Path, shutdown: Shutdown) -> list[Connection]:
    """Return the connections to the Redis servers; raise LocalError if disk or servers keep the shop from opening."""
    _require(check_disk(state_dir))
    connections = redis.connections(project)
    for connection in connections:
        name = f"Redis on {connection.address}"
        wait_until(partial(_has_loaded, connection), name, seconds=_LOADING_SECONDS, shutdown=shutdown)
        for finding in _check_redis(connection, state_dir):
            _require(finding)
    return connections


def check_broker(broker: Broker) -> Finding:
    """Check whether the broker, which the shop does not start itself, is reachable and accepts the login."""
    if not broker.is_reachable():
        remedy = "start it, or have PIZZASHOP_BROKER_URL name another"
        return Finding(broker.name, "wrong", f"{broker.title} cannot be reached", remedy)
    if not broker.is_checkable:
        reason = "a secret, a client's certificate, or an unknown kind of login"
        found = f"{broker.title} runs: its login is not checked ({reason})"
        return Finding(broker.name, "note", found)
    if fault := broker.find_fault():
        return Finding(broker.name, "wrong", f"{broker.title} cannot be used: {fault.text}", fault.remedy)
    return Finding(broker.name, "ok", f"{broker.title} runs, and accepts the login")


def require_broker(broker: Broker | None) -> None:
    """Raise LocalError if the broker, where it is not Redis, keeps the shop from opening."""
    if broker:
        _require(check_broker(broker))


def can_reach_servers(
    connections: Iterable[Connection], postgres: postgresql.Connection | None, broker: Broker | None
) -> bool:
    """Return whether the servers are there without which a sidecar ends as soon as it has started."""
    has_redis = all(each.is_reachable() for each in connections)
    has_postgres = postgres is None or postgres.has_secret or postgresql.inspect_server(postgres).fault is None
    return has_redis and has_postgres and (broker is None or broker.is_reachable())


def delete_half_written_workflows(connections: Iterable[Connection]) -> Iterator[str]:
    """Delete the half-written workflows of all servers with a known login, and yield a message for each server."""
    for connection in _with_known_login(connections):
        try:
            deleted = repairs.delete_half_written_workflows(connection)
        except valkey.ValkeyError as error:
            yield f"The workflows on {connection.address} could not be checked: {error}"
            continue
        if deleted:
            names = ", ".join(deleted[:3]) + (", …" if len(deleted) > 3 else "")
            yield f"{len(deleted)} workflows were half-written, and start again from their records: {names}"


def require_postgresql(project: Project, state_dir: Path, postgres_url: str) -> postgresql.Connection | None:
    """Return the connection to PostgreSQL, None if that is not the store; raise LocalError if it cannot be used."""
    if postgres := postgresql.find_connection(project, state_dir, postgres_url):
        for finding in _check_postgresql(postgres):
            _require(finding)
    return postgres


class ServerMonitor:
    """Watches the disk, the Redis and PostgreSQL servers, and the broker, while the shop is open."""

    def __init__(
        self,
        connections: Iterable[Connection],
        state_dir: Path,
        postgres: postgresql.Connection | None = None,
        broker: Broker | None = None,
    ) -> None:
        self._faults = dict.fromkeys(_with_known_login(connections), "")
        # The shop itself restarts an embedded server, and reports that.
        self._postgres = None if postgres is None or postgres.has_secret or postgres.embedded else postgres
        self._postgres_fault = ""
        self._state_dir = state_dir
        self._is_full = False
        self._broker, self._is_broker_away = broker, False

    def changes(self) -> Iterator[str]:
        """Yield a message for each change since the last call: of the disk's room, a server's fault, the broker."""
        was_full, self._is_full = self._is_full, free_bytes(self._state_dir) < MIN_FREE_BYTES
        if self._is_full and not was_full:
            yield f"The disk of {self._state_dir} is full: orders wait until there is room."
        elif was_full and not self._is_full:
            yield f"There is room on the disk of {self._state_dir} again."
        yield from self._broker_changes()
        for connection, previous in self._faults.items():
            server = redis.inspect_server(connection)
            if server is None:
                continue  # the server has ended, and the shop restarts it or reports that
            fault = server.fault
            self._faults[connection] = fault.text if fault else ""
            if fault and fault.text != previous:
                yield (
                    f"{server.title} on {connection.address}: {fault.text}. Orders wait until that is repaired."
                    f" What to do: {fault.remedy}."
                )
            elif previous and not fault:
                yield f"{server.title} on {connection.address} takes writes again: orders go on."
                yield from delete_half_written_workflows([connection])
        if self._postgres:
            yield from self._postgres_changes(self._postgres)

    def _postgres_changes(self, postgres: postgresql.Connection) -> Iterator[str]:
        server = postgresql.inspect_server(postgres)
        previous, self._postgres_fault = self._postgres_fault, server.fault.text if server.fault else ""
        if server.fault and server.fault.text != previous:
            yield (
                f"PostgreSQL on {postgres.address}: {server.fault.text}. Orders wait until that is repaired."
                f" What to do: {server.fault.remedy}."
            )
        elif previous and not server.fault:
            yield f"{server.title} on {postgres.address} can be used again: orders go on."

    def _broker_changes(self) -> Iterator[str]:
        if self._broker is None:
            return
        was_away, self._is_broker_away = self._is_broker_away, not self._broker.is_reachable()
        if self._is_broker_away and not was_away:
            yield f"{self._broker.title} cannot be reached: orders wait until it is back."
        elif was_away and not self._is_broker_away:
            yield f"{self._broker.title} is back: orders go on."


def _require(finding: Finding) -> None:
    if finding.state == "wrong":
        remedy = f": {finding.remedy}" if finding.remedy else ""
        raise LocalError(f"{finding.found[0].upper()}{finding.found[1:]}{remedy}.")


def _with_known_login(connections: Iterable[Connection]) -> list[Connection]:
    return [each for each in connections if not each.has_secret]


def _check_redis(connection: Connection, state_dir: Path) -> Iterator[Finding]:
    server = redis.inspect_server(connection)
    if server is None:
        yield _check_missing_redis(connection, state_dir)
    elif server.fault and connection.has_secret:
        yield Finding("Redis", "note", f"not checked, because {connection.component} logs in with a secret")
    elif server.fault:
        found = f"{server.title} on {connection.address} cannot be used: {server.fault.text}"
        yield Finding("Redis", "wrong", found, server.fault.remedy)
    else:
        state = "still reads its data" if server.is_loading else server.persistence
        found = ", ".join(filter(None, [f"{server.title} runs, {connection.address}", state]))
        yield Finding("Redis", "ok", found)
        yield from (Finding("Redis", "note", each.text, each.remedy) for each in server.warnings)


def _check_missing_redis(connection: Connection, state_dir: Path) -> Finding:
    """Check whether the shop can start a server itself where no server speaks the Redis protocol."""
    if connection.sentinels:
        found = f"{connection.address} does not answer: no sentinel is there, or none has a primary of this name"
        return Finding("Redis", "wrong", found, "start them, or correct redisHost and sentinelMasterName")
    if is_listening(connection.port, connection.host):
        found = f"{connection.address} is held by {port_holder(connection.port)}, which does not speak Redis"
        return Finding("Redis", "wrong", found, "stop it, or have the components name another port")
    if not connection.is_embedded:
        found = f"nothing listens on {connection.address}, where {connection.component} has its server"
        remedy = "start that, or name none (redisHost localhost:6379, no redisUsername, no redisPassword)"
        return Finding("Redis", "wrong", found, remedy)
    try:
        found = f"none runs: the embedded Valkey starts with the shop, {valkey_binary()}"
        damages = [f"{each.file.name} {each.text}" for each in repairs.find_valkey_damage(state_dir / "valkey")]
    except LocalError as error:
        return Finding("Redis", "wrong", str(error).rstrip("."), "or start a Redis or Valkey of your own")
    if damages:
        return Finding("Redis", "note", f"{'; '.join(damages)}: the shop copies this file, repairs it and opens")
    return Finding("Redis", "ok", found)


def _check_postgresql(connection: postgresql.Connection) -> Iterator[Finding]:
    if connection.has_secret:
        yield Finding("PostgreSQL", "note", "not checked, because its component logs in with a secret")
        return
    try:
        version = postgresql.require_server(connection)
    except LocalError as error:
        yield Finding("PostgreSQL", "wrong", str(error).rstrip("."))
        return
    if connection.embedded and not connection.embedded.is_ready():
        yield Finding("PostgreSQL", "ok", f"none runs: the embedded PostgreSQL {version} starts with the shop")
        return
    server = postgresql.inspect_server(connection)
    if server.fault:
        found = f"{server.title} on {connection.address} cannot be used: {server.fault.text}"
        yield Finding("PostgreSQL", "wrong", found, server.fault.remedy)
        return
    found = ", ".join(filter(None, [f"{server.title} runs, {connection.address}", server.persistence]))
    yield Finding("PostgreSQL", "ok", found)
    yield from (Finding("PostgreSQL", "note", each.text, each.remedy) for each in server.warnings)


def _has_loaded(connection: Connection) -> bool:
    server = redis.inspect_server(connection)
    return server is None or not server.is_loading
