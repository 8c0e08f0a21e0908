"""Each state store keeps the same promises through a real sidecar, whatever ETags and errors it has itself."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from free_ports import free_ports
from own_postgresql import embedded_postgresql
from shop_client import eventually

from pizzashop.dapr.client import MAX_BATCH_BYTES, SidecarClient
from pizzashop.dapr.http import HttpClient
from pizzashop.dapr.sidecar import EtagMismatch, StoredValue, Write
from pizzashop.errors import Unavailable
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.ports import http_ok, is_listening
from pizzashop.local.postgresql import URL_VARIABLE
from pizzashop.local.processes import Process, stop_processes, wait_until_ready
from pizzashop.local.programs import valkey_command
from pizzashop.local.shutdown import Shutdown

RESOURCES = Path(__file__).parents[2] / "resources"
STORES = ("redis", "postgresql")


class StoreUnderTest(NamedTuple):
    """A sidecar, and the server behind it."""

    sidecar: SidecarClient
    server: Process


def redis_server(directory: Path, components: Path) -> tuple[Process, str]:
    """Return a Valkey on a free port, and no URL; write the component that names it."""
    (port,) = free_ports(1)
    text = (RESOURCES / "statestore.yaml").read_text()
    assert "localhost:6379" in text
    (components / "statestore.yaml").write_text(text.replace("localhost:6379", f"localhost:{port}"))
    command, log = valkey_command(port, directory), directory / "server.log"
    return Process("valkey", command, log, ports=(port,), is_ready=lambda: is_listening(port)), ""


def postgresql_server(directory: Path, components: Path) -> tuple[Process, str]:
    """Return an embedded PostgreSQL and its URL; write the component that names it."""
    server = embedded_postgresql(directory)
    server.prepare()
    (components / "statestore.yaml").write_bytes((RESOURCES / "postgresql/statestore.yaml").read_bytes())
    return Process("postgresql", server.command(), directory / "server.log", is_ready=server.is_ready), server.url


@pytest.fixture(scope="module", params=STORES)
def store(
    request: pytest.FixtureRequest, dapr: Dapr, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StoreUnderTest]:
    directory, components = tmp_path_factory.mktemp("db"), tmp_path_factory.mktemp("components")
    make = {"redis": redis_server, "postgresql": postgresql_server}[request.param]
    server, url = make(directory, components)
    port, *others = free_ports(4)
    flags = ("dapr-grpc-port", "dapr-internal-grpc-port", "metrics-port")
    command = [str(dapr.daprd), "--app-id=pizza-order", f"--resources-path={components}", f"--dapr-http-port={port}"]
    command += [f"--config={RESOURCES / 'config/local.yaml'}"]
    command += [f"--{flag}={number}" for flag, number in zip(flags, others, strict=True)]
    env = {**os.environ, "DAPR_HOST_IP": "127.0.0.1", URL_VARIABLE: url}
    daprd = Process("daprd", command, directory / "daprd.log", env, is_ready=lambda: http_ok(port, "/v1.0/healthz"))
    with HttpClient() as http:
        try:
            for process in (server, daprd):
                process.start()
                wait_until_ready([process], 60, Shutdown())
            yield StoreUnderTest(SidecarClient(http, port), server)
        finally:
            daprd.kill()
            server.stop()


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """A key of its own for each test."""
    return f"key_{request.node.originalname}"


def test_only_the_first_creation_succeeds(store: StoreUnderTest, key: str) -> None:
    store.sidecar.save(key, "one", "")
    with pytest.raises(EtagMismatch):
        store.sidecar.save(key, "two", "")
    assert store.sidecar.load(key).value == b"one"


def test_of_many_creations_at_once_one_succeeds(store: StoreUnderTest, key: str) -> None:
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda number: store.sidecar._save_batch([[Write(key, str(number), "")]]), range(16)))
    winners = [str(number).encode() for number, result in enumerate(results) if result == [[True]]]
    assert winners == [store.sidecar.load(key).value]


def test_a_write_succeeds_only_with_the_present_etag(store: StoreUnderTest, key: str) -> None:
    store.sidecar.save(key, "one", "")
    first = store.sidecar.load(key)
    store.sidecar.save(key, "two", first.etag)
    with pytest.raises(EtagMismatch):
        store.sidecar.save(key, "three", first.etag)
    assert store.sidecar.load(key).value == b"two"


def test_a_predicted_etag_is_the_one_that_a_read_returns(store: StoreUnderTest, key: str) -> None:
    etag = ""
    for number in range(3):
        store.sidecar.save(key, str(number), etag)
        present = store.sidecar.load(key).etag
        assert store.sidecar.predict_etag(etag) in (None, present)
        etag = present


def test_a_deletion_succeeds_only_with_the_present_etag(store: StoreUnderTest, key: str) -> None:
    store.sidecar.save(key, "one", "")
    first = store.sidecar.load(key)
    store.sidecar.save(key, "two", first.etag)
    with pytest.raises(EtagMismatch):
        store.sidecar.delete(key, first.etag)
    present = store.sidecar.load(key)
    assert present.value == b"two"
    store.sidecar.delete(key, present.etag)
    assert store.sidecar.load(key) == StoredValue(None, "")
    # It may be repeated, and the key may be created again.
    store.sidecar.delete(key, present.etag)
    store.sidecar.delete(key)
    store.sidecar.save(key, "three", "")
    store.sidecar.delete(key)
    assert store.sidecar.load(key).value is None


def test_each_of_several_writes_has_its_own_result(store: StoreUnderTest, key: str) -> None:
    assert store.sidecar.save_many([Write(f"{key}{number}", "old", "") for number in range(3)]) == [True] * 3
    stale, fresh, taken = store.sidecar.load_many([f"{key}{number}" for number in range(3)])
    store.sidecar.save(f"{key}0", "newer", stale.etag)
    writes = [
        Write(f"{key}0", "stale", stale.etag),
        Write(f"{key}1", "fresh", fresh.etag),
        Write(f"{key}2", "created", ""),
        Write(f"{key}3", "created", ""),
    ]
    assert store.sidecar.save_many(writes) == [False, True, False, True]
    assert store.sidecar.save_many([writes[2], Write(f"{key}4", "created", "")]) == [False, True]
    values = [each.value for each in store.sidecar.load_many([f"{key}{number}" for number in range(5)])]
    assert values == [b"newer", b"fresh", taken.value, b"created", b"created"]


@pytest.mark.parametrize(
    "value",
    ["", "0", "null", '{"big": 1208925819614629174706176, "t": "né 🍕 \\"q\\" \\u0000"}', "a\x00b\n", "{"],
    ids=repr,
)
def test_a_value_comes_back_as_it_was_written(store: StoreUnderTest, key: str, value: str) -> None:
    key = f"{key}{value.encode().hex()}"
    store.sidecar.save(key, value, "")
    assert store.sidecar.load(key).value == value.encode()
    assert store.sidecar.load_many(["absent", key])[1].value == value.encode()


def test_large_values_are_written_and_read(store: StoreUnderTest, key: str) -> None:
    large = "🍕" * (MAX_BATCH_BYTES // 8)
    writes = [Write(f"{key}{number}", large, "") for number in range(4)]
    assert store.sidecar.save_many(writes) == [True] * 4
    assert [each.value for each in store.sidecar.load_many([write.key for write in writes])] == [large.encode()] * 4


def test_a_value_is_never_taken_for_absent_while_the_server_dies(store: StoreUnderTest, key: str) -> None:
    keys = [f"{key}{number}" for number in range(20)]
    assert store.sidecar.save_many([Write(each, "x" * 1000, "") for each in keys]) == [True] * len(keys)
    is_over = threading.Event()

    def read() -> set[bytes | None]:
        found = set[bytes | None]()
        while not is_over.is_set():
            with suppress(Unavailable):
                found |= {each.value for each in store.sidecar._load_batch(keys) if isinstance(each, StoredValue)}
        return found

    with ThreadPoolExecutor(8) as pool:
        reads = [pool.submit(read) for _ in range(8)]
        for _ in range(5):
            eventually(lambda: can_read(store.sidecar, keys[0]))
            stop_processes([store.server], 0, Shutdown())
            store.server.start()
            wait_until_ready([store.server], 60, Shutdown())
        is_over.set()
    assert {value for each in reads for value in each.result()} == {b"x" * 1000}


def can_read(sidecar: SidecarClient, key: str) -> bool:
    try:
        return sidecar.load(key).value is not None
    except Unavailable:
        return False


def test_while_the_store_is_away_every_call_says_so_and_nothing_is_lost(store: StoreUnderTest, key: str) -> None:
    store.sidecar.save(key, "one", "")
    present = store.sidecar.load(key)
    stop_processes([store.server], 0, Shutdown())
    calls: list[Callable[[], object]] = [
        lambda: store.sidecar.load(key),
        lambda: store.sidecar.load_many([key, "other"]),
        lambda: store.sidecar.save(f"{key}2", "two", ""),
        lambda: store.sidecar.save(key, "two", present.etag),
        lambda: store.sidecar.save_many([Write(key, "two", present.etag), Write(f"{key}3", "two", "")]),
        lambda: store.sidecar.delete(key, present.etag),
    ]
    with ThreadPoolExecutor(len(calls)) as pool:
        errors = [future.exception() for future in [pool.submit(call) for call in calls]]
    assert [type(error) for error in errors] == [Unavailable] * len(calls)
    store.server.start()
    wait_until_ready([store.server], 60, Shutdown())

    eventually(lambda: can_read(store.sidecar, key))
    assert store.sidecar.load(key) == present
    store.sidecar.save(key, "two", present.etag)
    assert store.sidecar.load(key).value == b"two"
