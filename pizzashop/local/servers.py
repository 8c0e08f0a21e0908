"""The servers that the components name - Redis, PostgreSQL, RabbitMQ or Kafka - and whether the shop can use them.

`up` requires them before it opens the shop and watches them while it is open, `doctor` reports what it finds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import valkey

from pizzashop.errors import LocalError
from pizzashop.local import brokers, postgresql, redis, repairs
from pizzashop.local.brokers import Broker
from pizzashop.local.checks import MIN_FREE_BYTES, free_bytes
from pizzashop.local.findings import Finding
from pizzashop.local.ports import is_listening, port_holder
from pizzashop.local.programs import valkey_binary
from pizzashop.local.project import Project
from pizzashop.local.shutdown import Shutdown, wait_until
from pizzashop.settings import Settings

_LOADING_SECONDS = 300.0


@dataclass(frozen=True)
class Servers:
    """Each Redis of the components, and the PostgreSQL and the broker if they name one."""

    redis_connections: tuple[redis.Connection, ...] = ()
    postgresql_connection: postgresql.Connection | None = None
    broker: Broker | None = None

    @classmethod
    def find(cls, project: Project, state_dir: Path, settings: Settings) -> Self:
        """Return the servers of a project; raise LocalError or InvalidSettings if an address is invalid."""
        return cls(
            tuple(redis.connections(project)),
            postgresql.find_connection(project, state_dir, settings.postgres_url),
            brokers.find_broker(project, brokers.component_environment(settings)),
        )

    def check(self, state_dir: Path) -> Iterator[Finding]:
        """Check whether the shop can use each server, or start it."""
        for connection in self.redis_connections:
            yield from _check_redis(connection, state_dir)
        if self.postgresql_connection:
            yield from _check_postgresql(self.postgresql_connection)
        if self.broker:
            yield _check_broker(self.broker)

    def require(self, state_dir: Path, shutdown: Shutdown) -> None:
        """Wait until each Redis has read its data; raise LocalError if a server keeps the shop from opening."""
        for connection in self.redis_connections:
            name = f"Redis on {connection.address}"
            wait_until(partial(_has_loaded, connection), name, seconds=_LOADING_SECONDS, shutdown=shutdown)
        for finding in self.check(state_dir):
            finding.require()

    def are_reachable(self) -> bool:
        """Return whether the servers are there without which a sidecar ends as soon as it has started."""
        own = self.postgresql_connection
        has_postgresql = own is None or own.has_secret or postgresql.inspect_server(own).fault is None
        has_redis = all(each.is_reachable() for each in self.redis_connections)
        return has_redis and has_postgresql and (self.broker is None or self.broker.is_reachable())

    def delete_half_written_workflows(self) -> Iterator[str]:
        """Delete the half-written workflows of each Redis with a known login, and yield a message for each."""
        for connection in self.redis_connections:
            if not connection.has_secret:
                yield from _delete_half_written_workflows(connection)


class ServerMonitor:
    """Watches the servers, and the disk of `state_dir`, while the shop is open."""

    def __init__(self, servers: Servers, state_dir: Path) -> None:
        self._redis_faults = {each: "" for each in servers.redis_connections if not each.has_secret}
        own = servers.postgresql_connection
        # The shop itself restarts an embedded server, and reports that.
        self._postgresql = None if own is None or own.has_secret or own.embedded else own
        self._postgresql_fault = ""
        self._broker, self._is_broker_away = servers.broker, False
        self._state_dir, self._is_full = state_dir, False

    def changes(self) -> Iterator[str]:
        """Yield a message for each change since the last call: of the disk's room, a server's fault, the broker."""
        was_full, self._is_full = self._is_full, free_bytes(self._state_dir) < MIN_FREE_BYTES
        if self._is_full and not was_full:
            yield f"The disk of {self._state_dir} is full: orders wait until there is room."
        elif was_full and not self._is_full:
            yield f"There is room on the disk of {self._state_dir} again."
        yield from self._broker_changes()
        for connection, previous in self._redis_faults.items():
            server = redis.inspect_server(connection)
            if server is None:
                continue  # the server has ended, and the shop restarts it or reports that
            fault = server.fault
            self._redis_faults[connection] = fault.text if fault else ""
            if fault and fault.text != previous:
                yield (
                    f"{server.title} on {connection.address}: {fault.text}. Orders wait until that is repaired."
                    f" What to do: {fault.remedy}."
                )
            elif previous and not fault:
                yield f"{server.title} on {connection.address} takes writes again: orders go on."
                yield from _delete_half_written_workflows(connection)
        if self._postgresql:
            yield from self._postgresql_changes(self._postgresql)

    def _postgresql_changes(self, connection: postgresql.Connection) -> Iterator[str]:
        server = postgresql.inspect_server(connection)
        previous, self._postgresql_fault = self._postgresql_fault, server.fault.text if server.fault else ""
        if server.fault and server.fault.text != previous:
            yield (
                f"PostgreSQL on {connection.address}: {server.fault.text}. Orders wait until that is repaired."
                f" What to do: {server.fault.remedy}."
            )
        elif previous and not server.fault:
            yield f"{server.title} on {connection.address} can be used again: orders go on."

    def _broker_changes(self) -> Iterator[str]:
        if self._broker is None:
            return
        was_away, self._is_broker_away = self._is_broker_away, not self._broker.is_reachable()
        if self._is_broker_away and not was_away:
            yield f"{self._broker.title} cannot be reached: orders wait until it is back."
        elif was_away and not self._is_broker_away:
            yield f"{self._broker.title} is back: orders go on."


def _check_redis(connection: redis.Connection, state_dir: Path) -> Iterator[Finding]:
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


def _check_missing_redis(connection: redis.Connection, state_dir: Path) -> Finding:
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


def _has_loaded(connection: redis.Connection) -> bool:
    server = redis.inspect_server(connection)
    return server is None or not server.is_loading


def _delete_half_written_workflows(connection: redis.Connection) -> Iterator[str]:
    try:
        deleted = repairs.delete_half_written_workflows(connection)
    except valkey.ValkeyError as error:
        yield f"The workflows on {connection.address} could not be checked: {error}"
        return
    if deleted:
        names = ", ".join(deleted[:3]) + (", …" if len(deleted) > 3 else "")
        yield f"{len(deleted)} workflows were half-written, and start again from their records: {names}"


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


def _check_broker(broker: Broker) -> Finding:
    """Check whether the broker, which the shop does not start itself, is reachable and accepts the login."""
    if not broker.is_reachable():
        remedy = "start it, or have PIZZASHOP_BROKER_URL name another"
        return Finding(broker.name, "wrong", f"{broker.title} cannot be reached", remedy)
    if not broker.is_checkable:
        reason = "a secret, a client's certificate, or an unknown kind of login"
        found = f"{broker.title} runs: its login is not checked ({reason})"
        return Finding(broker.name, "note", found)
    try:
        fault = broker.find_fault()
    except LocalError as error:
        return Finding(broker.name, "wrong", str(error).rstrip("."))
    if fault:
        return Finding(broker.name, "wrong", f"{broker.title} cannot be used: {fault.text}", fault.remedy)
    return Finding(broker.name, "ok", f"{broker.title} runs, and accepts the login")
