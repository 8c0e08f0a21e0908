"""Workflows that a server out of memory has left half-written are forgotten, and no others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import valkey
from own_valkey import client, own_valkey

from pizzashop.local import orders_in_flight
from pizzashop.local.redis import Connection

ACTOR = "pizza-workflow||dapr.internal.default.pizza-workflow.workflow"
INBOX, HISTORY, GENERATION = (lambda n: bytes([8, n])), (lambda n: bytes([16, n])), (lambda n: bytes([24, n]))


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    with own_valkey(tmp_path) as port:
        yield port


@pytest.fixture
def store(port: int) -> Iterator["valkey.Valkey"]:
    with client(port) as store:
        yield store


def keep(store: "valkey.Valkey", name: str, metadata: bytes, *events: str) -> None:
    """As the engine keeps a workflow."""
    store.hset(f"{ACTOR}||{name}||metadata", mapping={"data": metadata, "version": "1"})
    for event in ("customStatus", *events):
        store.hset(f"{ACTOR}||{name}||{event}", mapping={"data": b"\xff", "version": "1"})


def kept(store: "valkey.Valkey") -> set[str]:
    return {key.decode().split("||")[2] for key in store.scan_iter(match=f"{ACTOR}*")}


def test_those_that_miss_events_are_forgotten_whole(store: "valkey.Valkey", port: int) -> None:
    keep(store, "finished", HISTORY(2) + GENERATION(1), "history-000000", "history-000001")
    keep(store, "under-way", INBOX(1) + HISTORY(1) + GENERATION(1), "inbox-000000", "history-000000")
    keep(store, "begun", INBOX(1) + GENERATION(1))
    keep(store, "half-way", INBOX(2) + HISTORY(1) + GENERATION(3), "inbox-000000", "history-000000")
    store.hset("pizza-order||order_begun", "data", "{}")
    others = "other||dapr.internal.default.other.workflow||begun||metadata"
    store.hset(others, "data", INBOX(1) + GENERATION(1))
    assert sorted(orders_in_flight.forget_torn_workflows(Connection(port=port))) == ["begun", "half-way"]
    assert kept(store) == {"finished", "under-way"}
    assert store.exists(others)
    assert store.exists("pizza-order||order_begun")
    assert orders_in_flight.forget_torn_workflows(Connection(port=port)) == []


class _Engine(valkey.Valkey):
    """Writes a workflow between another's look at it and its transaction."""

    def pipeline(self, *args: Any, **options: Any) -> Any:
        made = super().pipeline(*args, **options)
        begin = made.multi

        def multi() -> None:
            self.hset(f"{ACTOR}||busy||metadata", "version", "2")
            begin()

        made.multi = multi
        return made


def test_one_that_the_engine_writes_meanwhile_stays(store: "valkey.Valkey", port: int) -> None:
    keep(store, "busy", INBOX(1) + GENERATION(1))
    key = f"{ACTOR}||busy||metadata"
    with _Engine(port=port) as engine:
        assert not orders_in_flight._forget_torn(engine, key.encode())
    assert store.hget(key, "version") == b"2"
