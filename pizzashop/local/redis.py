"""The Redis-protocol server on this machine, whoever runs it: what it is, and whether it keeps its data."""

from dataclasses import dataclass

import valkey

from pizzashop.local.health import HOST

PORT = 6379


@dataclass(frozen=True)
class Redis:
    """What a server says about itself."""

    name: str
    version: str
    persists: bool


def ask(port: int = PORT) -> Redis | None:
    """What listens on this port says about itself; None where nothing does, or nothing that serves Redis (yet)."""
    try:
        with valkey.Valkey(HOST, port, socket_timeout=2, socket_connect_timeout=1, decode_responses=True) as client:
            # While it still loads its data it tells about itself, and refuses everything else.
            client.ping()
            info = dict(client.info("server"))
            # One that hides its configuration is believed.
            persists = dict(client.config_get("appendonly")) != {"appendonly": "no"}
    except valkey.ResponseError:
        return Redis("Redis", "", True)
    except valkey.ValkeyError:
        return None
    name = "Valkey" if "valkey_version" in info else "Redis"
    return Redis(name, str(info.get("valkey_version", info.get("redis_version", ""))), persists)


def answers(port: int = PORT) -> bool:
    """Whether what listens on this port speaks the Redis protocol and is ready."""
    return ask(port) is not None
