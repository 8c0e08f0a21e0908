"""Damaged data after a crash: Valkey's files are repaired, the scheduler's replaced, half-written workflows deleted."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import valkey
from own_valkey import client, own_valkey
from shop_client import eventually

from pizzashop.errors import LocalError
from pizzashop.local import repairs
from pizzashop.local.redis import Connection

PANIC = "goroutine 1 [running]:\ngo.etcd.io/bbolt.(*DB).page(...)\n"
ORDERS = 200
BASE, WRITES, MANIFEST = "appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof", "appendonly.aof.manifest"
ACTOR = "pizza-workflow||dapr.internal.default.pizza-workflow.workflow"
INBOX, HISTORY, GENERATION = (lambda n: bytes([8, n])), (lambda n: bytes([16, n])), (lambda n: bytes([24, n]))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The files of a Valkey that was killed with so many orders in it."""
    with own_valkey(tmp_path, appendonly="yes") as port, client(port) as shop:
        for number in range(ORDERS):
            shop.set(f"order-{number}", "pizza")
        # While the disk confirms earlier writes, the server keeps later ones in memory, for up to two seconds.
        eventually(lambda: shop.info("persistence"), lambda about: about["aof_buffer_length"] == 0)
    assert list(repairs.find_valkey_damage(tmp_path)) == []
    return tmp_path / "appendonlydir"


def orders(directory: Path) -> int:
    """Return how many orders a server with these files has."""
    with own_valkey(directory, appendonly="yes") as port, client(port) as shop:
        return shop.dbsize()


def is_rewritten(about: dict[str, int]) -> bool:
    return about["aof_rewrite_in_progress"] == about["aof_rewrite_scheduled"] == 0


def rewrite(shop: "valkey.Valkey") -> None:
    """Let the server write a new base file, and wait until it has."""
    shop.bgrewriteaof()
    eventually(lambda: shop.info("persistence"), is_rewritten)


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def cut(path: Path, count: int) -> None:
    path.write_bytes(path.read_bytes()[:-count])


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize(
    ("damage", "file", "remaining"),
    [
        (lambda files: append(files / WRITES, bytes(5000)), WRITES, ORDERS),
        (lambda files: append(files / WRITES, b"*3\r\n$3\r\nSET\r\n$5\r\nord\0\0\0\0"), WRITES, ORDERS),
        (
            lambda files: append(files / WRITES, b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"),
            WRITES,
            ORDERS,
        ),
        (lambda files: cut(files / WRITES, 5), WRITES, ORDERS - 1),
        (lambda files: (files / MANIFEST).write_bytes(b""), MANIFEST, ORDERS),
        (lambda files: zero(files / MANIFEST), MANIFEST, ORDERS),
    ],
    ids=["zeros", "half a command", "half a transaction", "cut off", "an empty manifest", "a manifest of zeros"],
)
def test_a_damaged_file_is_copied_and_repaired(
    files: Path, damage: Callable[[Path], object], file: str, remaining: int
) -> None:
    damage(files)
    damaged = (files / file).read_bytes()
    (found,) = repairs.find_valkey_damage(files.parent)
    assert found.file == files / file
    assert (files / file).read_bytes() == damaged
    (message,) = repairs.repair_valkey(files.parent)
    assert file in message
    (copies,) = files.parent.glob("damaged-*")
    assert str(copies) in message
    assert (copies / file).read_bytes() == damaged
    assert list(repairs.find_valkey_damage(files.parent)) == []
    assert orders(files.parent) == remaining


def test_a_missing_manifest_loses_no_order(files: Path) -> None:
    (files / MANIFEST).unlink()
    list(repairs.repair_valkey(files.parent))
    assert orders(files.parent) == ORDERS


def test_a_missing_incremental_file_loses_only_its_own_writes(files: Path) -> None:
    with own_valkey(files.parent, appendonly="yes") as port, client(port) as shop:
        rewrite(shop)
    (files / "appendonly.aof.2.incr.aof").unlink()
    list(repairs.repair_valkey(files.parent))
    assert orders(files.parent) == ORDERS


def test_after_a_rewrite_the_newer_base_goes_with_the_last_writes(files: Path) -> None:
    old = {each.name: each.read_bytes() for each in files.iterdir()}
    with own_valkey(files.parent, appendonly="yes") as port, client(port) as shop:
        shop.incr("counter")
        rewrite(shop)
        shop.incr("counter")
    for name in (BASE, WRITES):
        (files / name).write_bytes(old[name])
    (files / MANIFEST).write_bytes(b"")
    list(repairs.repair_valkey(files.parent))
    with own_valkey(files.parent, appendonly="yes") as port, client(port) as shop:
        assert shop.get("counter") == b"2"
        assert shop.dbsize() == ORDERS + 1


@pytest.mark.parametrize("lost", ["damaged", "missing"])
def test_files_that_cannot_be_repaired_are_an_error_and_stay_unchanged(files: Path, lost: str) -> None:
    if lost == "damaged":
        zero(files / BASE)
    else:
        (files / BASE).unlink()
    before = {each.name: each.read_bytes() for each in files.iterdir()}
    with pytest.raises(LocalError, match="put back a copy"):
        list(repairs.repair_valkey(files.parent))
    assert {each.name: each.read_bytes() for each in files.iterdir()} == before


def test_before_the_first_opening_nothing_is_damaged(tmp_path: Path) -> None:
    assert list(repairs.repair_valkey(tmp_path / "none")) == []


def test_a_state_directory_with_a_space_in_its_name_is_repaired(files: Path, tmp_path: Path) -> None:
    other = tmp_path / "a b"
    shutil.copytree(files.parent, other / "valkey", ignore=shutil.ignore_patterns("a b"))
    append(other / "valkey/appendonlydir" / WRITES, bytes(10))
    assert len(list(repairs.repair_valkey(other / "valkey"))) == 1


@pytest.mark.parametrize(
    "log",
    [
        f"panic: assertion failed: Page expected to be: 3, but self identifies as 0\n{PANIC}",
        f"unexpected fault address 0x7f1bdbc08000\nfatal error: fault\n{PANIC}",
        'level=fatal msg="Fatal error running scheduler: failed to start embedded etcd: walpb: crc mismatch"',
    ],
)
def test_the_log_shows_that_the_scheduler_ended_by_damage(log: str) -> None:
    assert repairs.ended_by_damage(log)


@pytest.mark.parametrize(
    "log",
    [
        f"panic: failed to create WAL\nno space left on device\n{PANIC}",
        "failed to start embedded etcd: listen tcp 127.0.0.1:3542: bind: address already in use",
        f"panic: failed to open database: permission denied\n{PANIC}",
        "panic: a defect of its own\ngithub.com/dapr/dapr/pkg/scheduler\n",
        "level=info msg=started",
    ],
)
def test_the_log_shows_that_the_scheduler_ended_for_another_reason(log: str) -> None:
    assert not repairs.ended_by_damage(log)


def test_the_replaced_data_is_kept(tmp_path: Path) -> None:
    directory, database = tmp_path / "scheduler", "default-0/dapr-0.1/member/snap/db"
    (directory / database).parent.mkdir(parents=True)
    (directory / database).write_bytes(b"damaged")
    moved = repairs.move_scheduler_data(directory)
    assert moved.parent == directory.parent
    assert not directory.exists()
    assert (moved / database).read_bytes() == b"damaged"


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


def test_each_store_has_an_opening_of_its_own(state_dir: Path) -> None:
    assert not repairs.write_opening_id(state_dir, "postgresql")
    assert repairs.are_timers_lost(state_dir, "redis"), "the scheduler has been used with another store"


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
