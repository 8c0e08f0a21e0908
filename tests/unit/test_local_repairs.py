"""Damaged files after a crash: those of Valkey are repaired and copied, those of the scheduler are replaced."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import valkey
from own_valkey import client, own_valkey
from shop_client import eventually

from pizzashop.errors import LocalError
from pizzashop.local import repairs

PANIC = "goroutine 1 [running]:\ngo.etcd.io/bbolt.(*DB).page(...)\n"
ORDERS = 200
BASE, WRITES, MANIFEST = "appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof", "appendonly.aof.manifest"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The files of a Valkey that was killed with so many orders in it."""
    with own_valkey(tmp_path, appendonly="yes") as port, client(port) as shop:
        for number in range(ORDERS):
            shop.set(f"order-{number}", "pizza")
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
