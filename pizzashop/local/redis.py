"""The Redis or Valkey server that the components name: how to connect, and whether the shop can use it.

With Sentinel the components name the sentinels (`failover`, `sentinelMasterName`), which know the primary.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, cast

import valkey
from valkey.sentinel import Sentinel

from pizzashop.errors import LocalError
from pizzashop.local.findings import Problem
from pizzashop.local.ports import HOST, is_listening
from pizzashop.local.project import Project, find_component, is_true, metadata_value
from pizzashop.roles import PUBSUB, STATE_STORE, TOPIC

PORT = 6379
# The clients of a busy shop: the sidecars have seven pools (five for pub/sub, two for state), each with ten
# connections for each core.
NEEDED_CLIENTS = 70 * (os.cpu_count() or 1)
# The share of `maxmemory` in use from which the shop warns that the server will soon refuse writes.
MEMORY_WARNING_SHARE = 0.8

# The keys of a component that may have a login.
_LOGIN_KEYS = ("redis", "sentinel")
_LOOPBACK = ("localhost", HOST, "::1", "")
# No stream entry may have this id, so an XADD with it tests the right to write and never writes.
_IMPOSSIBLE_ID = "0-0"
_IMPOSSIBLE_ID_ERROR = "must be greater than 0-0"
_LOGIN_REMEDY = (
    "set redisPassword (and redisUsername) in resources/statestore.yaml and resources/pubsub.yaml to its own"
)


Address = tuple[str, int]


@dataclass(frozen=True)
class Connection:
    """The address of a server and the login of the component. `has_secret`: only the sidecar can read the login.

    With Sentinel, `sentinels` replace the address: they tell where the server that they call `primary` is.
    """

    component: str = field(default="the components", compare=False)
    host: str = HOST
    port: int = PORT
    username: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    tls: bool = False
    has_secret: bool = False
    sentinels: tuple[Address, ...] = ()
    primary: str = ""
    sentinel_username: str = ""
    sentinel_password: str = field(default="", repr=False)

    @classmethod
    def from_component(cls, component: Mapping[str, Any]) -> Self:
        """Return the connection of a Dapr component; raise ValueError if its address is invalid."""
        entries = {each["name"]: each for each in component["spec"].get("metadata", [])}
        values = {name: metadata_value(entry) for name, entry in entries.items()}
        hosts = values.get("redisHost", "").split(",")
        addresses = tuple(_parse_address(each.strip(), values.get("redisPort", "")) for each in hosts)
        has_sentinels = is_true(values.get("failover", ""))
        if has_sentinels and not values.get("sentinelMasterName"):
            raise ValueError("failover without sentinelMasterName")
        host, port = addresses[0]
        return cls(
            component=component["metadata"]["name"],
            host=host,
            port=port,
            username=values.get("redisUsername", ""),
            password=values.get("redisPassword", ""),
            database=int(values.get("redisDB", "") or 0),
            tls=is_true(values.get("enableTLS", "")),
            has_secret=any("secretKeyRef" in entry for name, entry in entries.items() if name.startswith(_LOGIN_KEYS)),
            sentinels=addresses if has_sentinels else (),
            primary=values["sentinelMasterName"] if has_sentinels else "",
            sentinel_username=values.get("sentinelUsername", ""),
            sentinel_password=values.get("sentinelPassword", ""),
        )

    @property
    def is_embedded(self) -> bool:
        """Whether the embedded server fits: it listens on this address, and accepts no login."""
        has_login = self.username or self.password or self.has_secret or self.tls
        return (self.host, self.port) == (HOST, PORT) and not has_login and not self.sentinels

    @property
    def address(self) -> str:
        if self.sentinels:
            return f"Sentinel's {self.primary} ({', '.join(_show_address(*each) for each in self.sentinels)})"
        return _show_address(self.host, self.port)

    @property
    def cli_command(self) -> str:
        if self.sentinels:
            return "on the primary and each replica: redis-cli"
        host = "" if self.host == HOST else f" -h {self.host}"
        return f"redis-cli{host} -p {self.port}"

    def is_reachable(self) -> bool:
        """Return whether a server accepts connections; with Sentinel, whether the primary does."""
        if not self.sentinels:
            return is_listening(self.port, self.host)
        try:
            host, port = self._sentinel().discover_master(self.primary)
        except valkey.ValkeyError:
            return False
        return is_listening(port, host)

    def client(self, *, decode_responses: bool = True) -> valkey.Valkey:
        """Return a client of the server, which connects at the first command."""
        options: dict[str, Any] = {
            "db": self.database,
            "username": self.username or None,
            "password": self.password or None,
            "decode_responses": decode_responses,
            **self._socket_options,
        }
        if self.sentinels:
            return cast(valkey.Valkey, self._sentinel().master_for(self.primary, **options))
        return valkey.Valkey(self.host, self.port, **options)

    @property
    def _socket_options(self) -> dict[str, Any]:
        tls = {"ssl": True, "ssl_cert_reqs": "none"} if self.tls else {}
        return {"socket_timeout": 2, "socket_connect_timeout": 1, **tls}

    def _sentinel(self) -> Sentinel:
        login = {"username": self.sentinel_username or None, "password": self.sentinel_password or None}
        return Sentinel(self.sentinels, sentinel_kwargs={**login, **self._socket_options})


# The server that the components name as they are shipped.
EMBEDDED = Connection()


@dataclass(frozen=True)
class Redis:
    """What a server reports about itself.

    `persistence` says how it keeps its data. While it `is_loading` data from its disk, it refuses all commands.
    `fault` is why the shop cannot use it. With `warnings` the shop can use it, but orders may be lost or refused.
    """

    name: str = "Redis"
    version: str = ""
    persistence: str = ""
    is_loading: bool = False
    fault: Problem | None = None
    warnings: tuple[Problem, ...] = ()

    @property
    def title(self) -> str:
        return f"{self.name} {self.version}".strip()


def connections(project: Project) -> list[Connection]:
    """Return the connections of the state store and the pub/sub without duplicates; raise LocalError on bad ones."""
    documents = project.documents()
    components = [find_component(documents, name) for name in (STATE_STORE, PUBSUB)]
    try:
        servers = [each for each in components if each and str(each["spec"].get("type", "")).endswith(".redis")]
        return list(dict.fromkeys(map(Connection.from_component, servers)))
    except (KeyError, TypeError, ValueError) as error:
        raise LocalError(f"The components in {project.resources} cannot be read: {error!r}.") from None


def inspect_server(connection: Connection = EMBEDDED) -> Redis | None:
    """Ask a server about itself, without any write. Return None if no server there speaks the Redis protocol."""
    try:
        with connection.client() as client:
            return _inspect(client, connection)
    except valkey.AuthenticationError as error:
        text, message = "it requires a password", str(error).rstrip(".")
        if connection.password:
            text = f"it refuses the password of {connection.component}: {message}"
        return Redis(fault=Problem(text, _LOGIN_REMEDY))
    except valkey.ConnectionError as error:
        if "max number of clients" not in str(error):
            return None
        remedy = "close some of them, or raise maxclients in its configuration"
        return Redis(fault=Problem("it has as many clients as it takes (maxclients)", remedy))
    except valkey.ValkeyError:
        return None


def is_ready(connection: Connection = EMBEDDED) -> bool:
    """Return whether the shop can use the server now."""
    server = inspect_server(connection)
    if server is None or server.is_loading:
        return False
    return connection.has_secret or server.fault is None


def _inspect(client: valkey.Valkey, connection: Connection) -> Redis:
    try:
        info = cast(dict[str, Any], client.info())
    except valkey.ResponseError as error:
        return Redis(fault=_refusal(error, connection))
    prefix = "valkey" if "valkey_version" in info else "redis"
    name, version = prefix.capitalize(), str(info[f"{prefix}_version"])
    if info.get("loading"):
        return Redis(name, version, is_loading=True)
    if fault := _fault(client, info, connection):
        return Redis(name, version, fault=fault)
    persistence, loss = _persistence(client, info)
    warnings = [*_warnings(info, loss, connection.cli_command)]
    if connection.sentinels:
        warnings += _replica_warnings(client, info, connection.cli_command)
    return Redis(name, version, persistence, warnings=tuple(warnings))


def _fault(client: valkey.Valkey, info: dict[str, Any], connection: Connection) -> Problem | None:
    if info.get("cluster_enabled"):
        text = "it is part of a cluster, which the shop does not work with"
        return Problem(text, "start a server with cluster-enabled no")
    try:
        client.xadd(TOPIC, {"probe": "1"}, id=_IMPOSSIBLE_ID, nomkstream=True)
    except valkey.ResponseError as error:
        return None if _IMPOSSIBLE_ID_ERROR in str(error) else _refusal(error, connection)
    return None


def _refusal(error: valkey.ResponseError, connection: Connection) -> Problem:
    """Return why the server refuses a command that the shop needs, by the kind of error."""
    message, cli = str(error).rstrip("."), connection.cli_command
    if isinstance(error, valkey.exceptions.OutOfMemoryError):
        remedy = f"{cli} config set maxmemory to more, or 0 for as much as there is"
        return Problem("it is out of memory and takes no writes", remedy)
    if isinstance(error, valkey.exceptions.ReadOnlyError):
        remedy = f"have the components name its primary, or {cli} replicaof no one"
        return Problem("it is a replica and takes no writes", remedy)
    if isinstance(error, valkey.exceptions.NoPermissionError):
        remedy = f"{cli} acl setuser {connection.username or 'default'} '~*' '&*' +@all"
        return Problem(f"its user may not do what the shop does: {message}", remedy)
    if message.startswith("NOREPLICAS"):
        text = "it takes no writes while too few replicas keep up (min-replicas-to-write)"
        return Problem(text, "start its replicas, or see why they lag")
    if message.startswith("MISCONF"):
        text = f"it cannot write to its disk and takes no writes: {message}"
        return Problem(text, "make room there, and see its log")
    return Problem(f"it refuses a write: {message}", "see its documentation")


def _persistence(client: valkey.Valkey, info: dict[str, Any]) -> tuple[str, str]:
    """Return how the server keeps its data, and what a crash loses beyond a second; both empty if it hides that."""
    if info.get("aof_enabled"):
        return {
            "always": ("every write is on disk before it is answered", ""),
            "everysec": ("every write appended to a file, on disk within a second", ""),
            "no": (
                "every write appended to a file, on disk when the system likes",
                "appendfsync is no: a loss of power takes some 30 seconds of orders",
            ),
        }.get(_setting(client, "appendfsync") or "", ("every write appended to a file", ""))
    save = _setting(client, "save")
    if save is None:
        return "", "it does not report how it keeps its data beyond snapshots: a crash may lose orders"
    if intervals := re.findall(r"(\d+) \d+", save):
        seconds = max(map(int, intervals))
        longest = f"{seconds} s" if seconds < 120 else f"{seconds // 60} minutes"
        return "snapshots alone", f"it keeps snapshots alone (save {save}): a crash loses up to {longest} of orders"
    return "nothing on disk", "it keeps nothing on disk: all orders are gone when it stops"


def _warnings(info: dict[str, Any], loss: str, cli: str) -> Iterator[Problem]:
    if loss:
        setting = "appendfsync everysec" if info.get("aof_enabled") else "appendonly yes"
        yield Problem(loss, f"{cli} config set {setting}, then config rewrite")
    limit, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    policy = str(info.get("maxmemory_policy", ""))
    if limit and policy.startswith("allkeys"):
        text = f"maxmemory-policy is {policy}: beyond {_format_size(limit)} it evicts keys, accepted orders among them"
        yield Problem(text, f"{cli} config set maxmemory-policy noeviction, then config rewrite")
    # Another policy evicts only keys with a time to live, and no key of the shop or of Dapr has one.
    elif used >= MEMORY_WARNING_SHARE * limit > 0:
        share = f"{_format_size(used)} of {_format_size(limit)}"
        text = f"it holds {share} (maxmemory): beyond that orders are refused, and wait"
        yield Problem(text, f"{cli} config set maxmemory to more")
    limit, connected = int(info.get("maxclients", 0)), int(info.get("connected_clients", 0))
    if limit and limit - connected < NEEDED_CLIENTS:
        text = f"it takes {limit} clients (maxclients) and has {connected}: a busy shop needs up to {NEEDED_CLIENTS}"
        yield Problem(text, f"{cli} config set maxclients 10000, then config rewrite")


def _replica_warnings(client: valkey.Valkey, info: dict[str, Any], cli: str) -> Iterator[Problem]:
    if not int(info.get("connected_slaves", 0)):
        yield Problem("it has no replica: Sentinel has no server to fail over to", "start one with replicaof")
    if _setting(client, "min-replicas-to-write") == "0":
        text = "it takes writes without a replica (min-replicas-to-write 0): a failover may lose all of them"
        yield Problem(text, f"{cli} config set min-replicas-to-write 1, min-replicas-max-lag 2, then config rewrite")


def _setting(client: valkey.Valkey, name: str) -> str | None:
    try:
        return cast(dict[str, str], client.config_get(name)).get(name)
    except valkey.ResponseError:
        return None  # this user may not read the configuration


def _parse_address(text: str, default_port: str) -> Address:
    host, _, port = text.rpartition(":")
    if not port.isdigit():
        host, port = text, default_port
    host = host.strip("[]")
    return HOST if host in _LOOPBACK else host, int(port or PORT)


def _show_address(host: str, port: int) -> str:
    return f"port {port}" if host == HOST else f"{host}:{port}"


def _format_size(count: int) -> str:
    return f"{count / 1024**2:.0f} MiB" if count >= 1024**2 else f"{count} bytes"
