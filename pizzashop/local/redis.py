"""The Redis-protocol server that the components name: whether the shop can use it, and how it keeps its data."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self, cast

import valkey

from pizzashop import roles
from pizzashop.errors import LocalError
from pizzashop.local import components
from pizzashop.local.ports import HOST, listening
from pizzashop.local.project import Project
from pizzashop.roles import TOPIC

PORT = 6379
_LOOPBACK = ("localhost", HOST, "::1", "")


@dataclass(frozen=True)
class Connection:
    """Where a server is, and as whom the component logs in there."""

    component: str = field(default="the components", compare=False)
    host: str = HOST
    port: int = PORT
    username: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    tls: bool = False
    secret: bool = False
    """What it logs in with is in a secret store, which the sidecar alone can ask."""

    @classmethod
    def of(cls, component: Mapping[str, Any]) -> Self:
        """Read it from a component; raises ValueError where its address makes no sense."""
        entries = {each["name"]: each for each in component["spec"].get("metadata", [])}
        values = {name: _value(entry) for name, entry in entries.items()}
        host, _, port = values.get("redisHost", "").rpartition(":")
        if not port.isdigit():
            host, port = values.get("redisHost", ""), values.get("redisPort", "")
        host = host.strip("[]")
        return cls(
            component=component["metadata"]["name"],
            host=HOST if host in _LOOPBACK else host,
            port=int(port or PORT),
            username=values.get("redisUsername", ""),
            password=values.get("redisPassword", ""),
            database=int(values.get("redisDB", "") or 0),
            tls=values.get("enableTLS", "").lower() in ("true", "1", "yes", "y", "t", "on"),
            secret=any("secretKeyRef" in each for name, each in entries.items() if name.startswith("redis")),
        )

    @property
    def embedded(self) -> bool:
        """Whether the embedded server can be what it names: it listens there, and nobody logs in."""
        return (self.host, self.port) == (HOST, PORT) and not (
            self.username or self.password or self.secret or self.tls
        )

    def listening(self) -> bool:
        """Whether anything accepts connections there."""
        return listening(self.port, self.host)

    @property
    def address(self) -> str:
        """The address in words."""
        return f"port {self.port}" if self.host == HOST else f"{self.host}:{self.port}"

    @property
    def user(self) -> str:
        """The user of the server that it logs in as."""
        return self.username or "default"

    @property
    def cli(self) -> str:
        """The command that speaks to the server."""
        host = "" if self.host == HOST else f" -h {self.host}"
        return f"redis-cli{host} -p {self.port}"


def _value(entry: Mapping[str, Any]) -> str:
    if "envRef" in entry:
        return os.environ.get(str(entry["envRef"]), "")
    value = entry.get("value")
    return "" if value is None else str(value)


EMBEDDED = Connection()
"""What the components say as they are shipped: the embedded server listens there, where no other does."""


def connections(project: Project) -> list[Connection]:
    """Those of the state store and the pub/sub, once where they are the same; raises LocalError."""
    documents = components.load(project)
    found = [components.one(documents, "Component", name) for name in (roles.STATE_STORE, roles.PUBSUB)]
    try:
        return list(dict.fromkeys(Connection.of(each) for each in found if each and _is_redis(each)))
    except (KeyError, TypeError, ValueError) as error:
        raise LocalError(f"The components in {project.resources} cannot be read: {error!r}.") from None


def _is_redis(component: Mapping[str, Any]) -> bool:
    return str(component["spec"].get("type", "")).endswith(".redis")


SPARE_CLIENTS = 70 * (os.cpu_count() or 1)
"""What the sidecars of a busy shop open: seven pools (five of pub/sub, two of state) of ten connections a core."""
FULL_SHARE = 0.8
"""The share of `maxmemory` from which on it is said that writes will soon be refused."""

_IMPOSSIBLE_ID = "0-0"
"""No entry of a stream may have it: adding one is refused, by a server that takes no writes with its own reason."""
_ALLOWED = "must be greater than 0-0"


class Note(NamedTuple):
    """Something about a server, and what to do about it."""

    text: str
    mend: str


@dataclass(frozen=True)
class Redis:
    """What a server says about itself."""

    name: str = "Redis"
    version: str = ""
    keeps: str = ""
    """How it keeps its data, where it tells."""
    loading: bool = False
    """It still reads its data from disk, and refuses everything else meanwhile."""
    fault: Note | None = None
    """Why the shop cannot use it."""
    notes: tuple[Note, ...] = field(default=())
    """The shop can use it, but orders may be lost or refused."""

    @property
    def title(self) -> str:
        """Its name and version."""
        return f"{self.name} {self.version}".strip()


def inspect_server(connection: Connection = EMBEDDED) -> Redis | None:
    """Ask the server about itself; None where nothing listens, or what listens does not speak the Redis protocol."""
    try:
        with client(connection) as asked:
            return _about(asked, connection)
    except valkey.AuthenticationError as error:
        return Redis(fault=_login(connection, str(error)))
    except valkey.ConnectionError as error:
        return Redis(fault=_TOO_MANY) if "max number of clients" in str(error) else None
    except valkey.ValkeyError:
        return None


def ready(connection: Connection = EMBEDDED) -> bool:
    """Whether the server can be used now."""
    server = inspect_server(connection)
    if server is None or server.loading:
        return False
    return connection.secret or server.fault is None


def client(connection: Connection, *, texts: bool = True) -> valkey.Valkey:
    """A client of the server, which connects when it is used; it answers bytes where `texts` is false."""
    return valkey.Valkey(
        connection.host,
        connection.port,
        db=connection.database,
        username=connection.username or None,
        password=connection.password or None,
        ssl=connection.tls,
        ssl_cert_reqs="none",
        socket_timeout=2,
        socket_connect_timeout=1,
        decode_responses=texts,
    )


def _about(client: valkey.Valkey, connection: Connection) -> Redis:
    try:
        info = cast(dict[str, Any], client.info())
    except valkey.ResponseError as error:
        return Redis(fault=_refused(error, connection))
    is_valkey = "valkey_version" in info
    name, version = "Valkey" if is_valkey else "Redis", str(info["valkey_version" if is_valkey else "redis_version"])
    if info.get("loading"):
        return Redis(name, version, loading=True)
    if fault := _fault(client, info, connection):
        return Redis(name, version, fault=fault)
    config = {key: _config(client, key) for key in ("appendfsync", "save")}
    keeps, lost = _persistence(info, config)
    mend = f"{connection.cli} config set appendonly yes, then config rewrite"
    if info.get("aof_enabled"):
        mend = f"{connection.cli} config set appendfsync everysec, then config rewrite"
    notes = [Note(lost, mend)] if lost else []
    return Redis(name, version, keeps, notes=(*notes, *_memory(info, connection), *_clients(info, connection)))


def _fault(client: valkey.Valkey, info: dict[str, Any], connection: Connection) -> Note | None:
    if info.get("cluster_enabled"):
        return Note(
            "it is part of a cluster, which the shop does not work with", "start a server with cluster-enabled no"
        )
    try:
        client.xadd(TOPIC, {"probe": "1"}, id=_IMPOSSIBLE_ID, nomkstream=True)
    except valkey.ResponseError as error:
        return None if _ALLOWED in str(error) else _refused(error, connection)
    return None


def _refused(error: valkey.ResponseError, connection: Connection) -> Note:
    """Why it refuses what the shop has to do, by the kind of error."""
    told, cli = str(error).rstrip("."), connection.cli
    if isinstance(error, valkey.exceptions.OutOfMemoryError):
        mend = f"{cli} config set maxmemory to more, or 0 for as much as there is"
        return Note("it is out of memory and takes no writes", mend)
    if isinstance(error, valkey.exceptions.ReadOnlyError):
        mend = f"have the components name its primary, or {cli} replicaof no one"
        return Note("it is a replica and takes no writes", mend)
    if isinstance(error, valkey.exceptions.NoPermissionError):
        mend = f"{cli} acl setuser {connection.user} '~*' '&*' +@all"
        return Note(f"its user may not do what the shop does: {told}", mend)
    if told.startswith("MISCONF"):
        return Note(f"it cannot write to its disk and takes no writes: {told}", "make room there; its log says more")
    return Note(f"it refuses a write: {told}", "its documentation says what that means")


def _login(connection: Connection, told: str) -> Note:
    mend = "set redisPassword (and redisUsername) in resources/statestore.yaml and resources/pubsub.yaml to its own"
    if connection.password:
        return Note(f"it refuses the password of {connection.component}: {told.rstrip('.')}", mend)
    return Note("it wants a password", mend)


_TOO_MANY = Note(
    "it has as many clients as it takes (maxclients)", "close some of them, or raise maxclients in its configuration"
)


def _persistence(info: dict[str, Any], config: dict[str, str | None]) -> tuple[str, str]:
    """How it keeps its data, and what is lost with that beyond a second; both empty where it does not tell."""
    if info.get("aof_enabled"):
        return {
            "always": ("every write is on disk before it is answered", ""),
            "everysec": ("every write appended to a file, on disk within a second", ""),
            "no": (
                "every write appended to a file, on disk when the system likes",
                "appendfsync is no: a loss of power takes some 30 seconds of orders",
            ),
        }.get(config["appendfsync"] or "", ("every write appended to a file", ""))
    if config["save"] is None:
        return "", "it does not tell how it keeps its data beyond snapshots: a crash may lose orders"
    if points := re.findall(r"(\d+) \d+", config["save"]):
        longest = max(map(int, points))
        lost = f"it keeps snapshots alone (save {config['save']}): a crash loses up to {_words(longest)} of orders"
        return "snapshots alone", lost
    return "nothing on disk", "it keeps nothing on disk: all orders are gone when it stops"


def _memory(info: dict[str, Any], connection: Connection) -> list[Note]:
    most, used, policy = (
        int(info.get("maxmemory", 0)),
        int(info.get("used_memory", 0)),
        info.get("maxmemory_policy", ""),
    )
    if not most:
        return []
    if str(policy).startswith("allkeys"):
        text = f"maxmemory-policy is {policy}: beyond {_size(most)} it throws keys away, accepted orders among them"
        return [Note(text, f"{connection.cli} config set maxmemory-policy noeviction, then config rewrite")]
    if used >= FULL_SHARE * most:
        # No key of the shop or of Dapr has a time to live: what evicts only such keys evicts nothing here.
        text = f"it holds {_size(used)} of {_size(most)} (maxmemory): beyond that orders are refused, and wait"
        return [Note(text, f"{connection.cli} config set maxmemory to more")]
    return []


def _clients(info: dict[str, Any], connection: Connection) -> list[Note]:
    most, now = int(info.get("maxclients", 0)), int(info.get("connected_clients", 0))
    if not most or most - now >= SPARE_CLIENTS:
        return []
    text = f"it takes {most} clients (maxclients) and has {now}: a busy shop needs up to {SPARE_CLIENTS}"
    return [Note(text, f"{connection.cli} config set maxclients 10000, then config rewrite")]


def _config(client: valkey.Valkey, key: str) -> str | None:
    try:
        return cast(dict[str, str], client.config_get(key)).get(key)
    except valkey.ResponseError:
        return None  # it hides its configuration


def _words(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} minutes"


def _size(count: int) -> str:
    return f"{count / 1024**2:.0f} MiB" if count >= 1024**2 else f"{count} bytes"
