"""A real PostgreSQL: the embedded one, and one of a user with a port and a password."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from free_ports import free_ports

from pizzashop.errors import LocalError
from pizzashop.local.postgresql import EmbeddedPostgresql
from pizzashop.local.shutdown import wait_until

PASSWORD = "s3cret-of-the-shop"


def embedded_postgresql(directory: Path) -> EmbeddedPostgresql:
    """Return the server of this directory; skip the test where none can start."""
    server = EmbeddedPostgresql(directory)
    try:
        server.require_startable()
    except LocalError as error:
        pytest.skip(str(error))
    return server


class SystemPostgresql(EmbeddedPostgresql):
    """A server of Debian's packages: that in the wheel is built without TLS."""

    def _binaries(self) -> Path:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        return found[-1] if found else pytest.skip("a server with TLS is needed: apt install postgresql")


@contextmanager
def own_postgresql(directory: Path, **settings: str) -> Iterator[str]:
    """Run a server with these settings on a free port within the block, and yield its URL with a login.

    It listens on loopback, or on the address `listen_addresses`; only hosts of the same network may log in.
    """
    has_tls = settings.get("ssl") == "on"
    server = SystemPostgresql(directory) if has_tls else embedded_postgresql(directory)
    server.prepare()
    (port,) = free_ports(1)
    rules = directory / "data/pg_hba.conf"
    # With TLS, it accepts no other connection from a network.
    kind = "hostssl" if has_tls else "host"
    rules.write_text(f"local all all trust\n{kind} all all samenet scram-sha-256\n")
    options = {"listen_addresses": "127.0.0.1", "port": str(port), **settings}
    command = [*server.command(), *(word for name, value in options.items() for word in ("-c", f"{name}={value}"))]
    admin = f"{server.url} port={port}"
    with (directory / "postgresql.log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_until(lambda: _create_login(admin), "postgresql", seconds=20)
            yield f"postgresql://shop:{PASSWORD}@{options['listen_addresses']}:{port}/postgres"
        finally:
            # With this signal it does not wait for its clients, of which some may be on a lost machine.
            child.send_signal(signal.SIGINT)
            child.wait()


def _create_login(admin: str) -> bool:
    try:
        with psycopg.connect(admin, autocommit=True) as server:
            # A server that takes no writes lets its administrator write.
            server.execute("SET default_transaction_read_only = off")
            server.execute(f"CREATE ROLE shop LOGIN PASSWORD '{PASSWORD}'")
            server.execute("GRANT CREATE ON SCHEMA public TO shop")
    except psycopg.OperationalError:
        return False
    return True
