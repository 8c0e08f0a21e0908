"""How the components say where Redis is, and as whom they log in."""

from pathlib import Path
from typing import Any

import pytest

from pizzashop.local.project import Project
from pizzashop.local.redis import EMBEDDED, Connection, connections

ROOT = Path(__file__).parents[2]


def component(*metadata: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "pizzastatestore"}, "spec": {"type": "state.redis", "metadata": list(metadata)}}


def of(**values: Any) -> Connection:
    return Connection.of(component(*({"name": name, "value": value} for name, value in values.items())))


def test_as_shipped_it_is_the_embedded_server() -> None:
    assert connections(Project.read(ROOT / "dapr.yaml")) == [EMBEDDED]
    assert EMBEDDED.embedded
    assert of(redisHost="localhost:6379", redisDB="3").embedded
    assert not of(redisHost="localhost:6380").embedded


@pytest.mark.parametrize(
    ("values", "host", "port"),
    [
        ({"redisHost": "localhost:6379"}, "127.0.0.1", 6379),
        ({"redisHost": "10.1.2.3:6380"}, "10.1.2.3", 6380),
        ({"redisHost": "[::1]:6380"}, "127.0.0.1", 6380),
        ({"redisHost": "redis.example", "redisPort": 6390}, "redis.example", 6390),
        ({"redisHost": "redis.example"}, "redis.example", 6379),
        ({}, "127.0.0.1", 6379),
    ],
)
def test_the_address_is_read_as_dapr_reads_it(values: dict[str, Any], host: str, port: int) -> None:
    found = of(**values)
    assert (found.host, found.port) == (host, port)


def test_a_login_is_used_and_not_the_embedded_server() -> None:
    found = of(redisHost="localhost:6379", redisPassword="s3cret", redisUsername="shop", redisDB="3", enableTLS="true")
    assert (found.password, found.username, found.database, found.tls) == ("s3cret", "shop", 3, True)
    assert not found.embedded
    assert "s3cret" not in repr(found)


def test_a_password_may_come_from_the_environment_or_a_secret_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_REDIS_PASSWORD", "s3cret")
    assert Connection.of(component({"name": "redisPassword", "envRef": "OUR_REDIS_PASSWORD"})).password == "s3cret"
    secret = Connection.of(component({"name": "redisPassword", "secretKeyRef": {"name": "redis", "key": "password"}}))
    assert secret.secret
    assert not secret.embedded
