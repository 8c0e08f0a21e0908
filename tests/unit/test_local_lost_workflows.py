"""Lost workflow data: half-written workflows are deleted, and a scheduler without its data is noticed."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import valkey
from own_valkey import client, own_valkey

from pizzashop.local import repairs
from pizzashop.local.redis import Connection

ACTOR = "pizza-workflow||dapr.internal.default.pizza-workflow.workflow"
INBOX, HISTORY, GENERATION = (lambda n: bytes([8, n])), (lambda n: bytes([16, n])), (lambda n: bytes([24, n]))


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """The state directory of a shop that was opened once."""
    assert not repairs.write_opening_id(tmp_path), "at the first opening nothing was lost"
    return tmp_path


def test_data_that_belongs_together_is_accepted(state_dir: Path) -> None:
    assert not repairs.are_timers_lost(state_dir)
    assert not repairs.write_opening_id(state_dir)


def test_a_lost_directory_of_the_scheduler_is_reported_once(state_dir: Path) -> None:
    shutil.rmtree(state_dir / "scheduler")
    assert repairs.are_timers_lost(state_dir)
    assert repairs.write_opening_id(state_dir)
    assert not repairs.are_timers_lost(state_dir)


def test_an_older_copy_of_the_schedulers_data_is_reported(state_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(state_dir / "scheduler", tmp_path / "copy")
    repairs.write_opening_id(state_dir)
    shutil.rmtree(state_dir / "scheduler")
    shutil.move(tmp_path / "copy", state_dir / "scheduler")
    assert repairs.are_timers_lost(state_dir)
    assert repairs.write_opening_id(state_dir)


def test_before_the_first_opening_nothing_is_lost(tmp_path: Path) -> None:
    assert not repairs.are_timers_lost(tmp_path)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    with own_valkey(tmp_path) as port:
        yield port


@pytest.fixture
def store(port: int) -> Iterator["valkey.Valkey"]:
    with client(port) as store:
        yield store


def keep(store: "valkey.Valkey", name: str, metadata: bytes, *events: str) -> None:
    """Store a workflow as the engine does."""
    store.hset(f"{ACTOR}||{name}||metadata", mapping={"data": metadata, "version": "1"})
    for event in ("customStatus", *events):
        store.hset(f"{ACTOR}||{name}||{event}", mapping={"data": b"\xff", "version": "1"})


def kept(store: "valkey.Valkey") -> set[str]:
    return {key.decode().split("||")[2] for key in store.scan_iter(match=f"{ACTOR}*")}


def test_workflows_without_all_their_events_are_deleted(store: "valkey.Valkey", port: int) -> None:
    keep(store, "finished", HISTORY(2) + GENERATION(1), "history-000000", "history-000001")
    keep(store, "under-way", INBOX(1) + HISTORY(1) + GENERATION(1), "inbox-000000", "history-000000")
    keep(store, "begun", INBOX(1) + GENERATION(1))
    keep(store, "half-way", INBOX(2) + HISTORY(1) + GENERATION(3), "inbox-000000", "history-000000")
    store.hset("pizza-order||order_begun", "data", "{}")
    others = "other||dapr.internal.default.other.workflow||begun||metadata"
    store.hset(others, "data", INBOX(1) + GENERATION(1))
    assert sorted(repairs.delete_half_written_workflows(Connection(port=port))) == ["begun", "half-way"]
    assert kept(store) == {"finished", "under-way"}
    assert store.exists(others)
    assert store.exists("pizza-order||order_begun")
    assert repairs.delete_half_written_workflows(Connection(port=port)) == []


class _ConcurrentEngine(valkey.Valkey):
    """A client that lets the engine write the workflow between the check and the transaction."""

    def pipeline(self, *args: Any, **options: Any) -> Any:
        made = super().pipeline(*args, **options)
        begin = made.multi

        def multi() -> None:
            self.hset(f"{ACTOR}||busy||metadata", "version", "2")
            begin()

        made.multi = multi
        return made


def test_a_workflow_that_the_engine_writes_in_the_meantime_stays(store: "valkey.Valkey", port: int) -> None:
    keep(store, "busy", INBOX(1) + GENERATION(1))
    key = f"{ACTOR}||busy||metadata"
    with _ConcurrentEngine(port=port) as engine:
        assert not repairs._delete_if_half_written(engine, key.encode())
    assert store.hget(key, "version") == b"2"
