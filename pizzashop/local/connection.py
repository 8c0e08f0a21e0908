"""How the sidecars reach their Redis: what the two components in `resources/` say of it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from pizzashop import roles
from pizzashop.domain.errors import LocalError
from pizzashop.local import components
from pizzashop.local.health import HOST, listening
from pizzashop.local.project import Project

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
