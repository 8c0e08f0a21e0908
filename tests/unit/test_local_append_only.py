"""The embedded server's files after a crash: mended, the server opens with all that is whole, and a copy is kept."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import valkey
from own_valkey import client, own_valkey
from shop_client import eventually

from pizzashop.errors import LocalError
from pizzashop.local import repairs

ORDERS = 200
BASE, WRITES, MANIFEST = "appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof", "appendonly.aof.manifest"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """What a server leaves that was killed with so many orders in it."""
    with own_valkey(tmp_path, appendonly="yes") as port, client(port) as shop:
        for number in range(ORDERS):
            shop.set(f"order-{number}", "pizza")
    assert list(repairs.damages(tmp_path)) == []
    return tmp_path / "appendonlydir"


def orders(directory: Path) -> int:
    """How many a server opens with."""
    with own_valkey(directory, appendonly="yes") as port, client(port) as shop:
        return shop.dbsize()


def is_rewritten(about: dict[str, int]) -> bool:
    return about["aof_rewrite_in_progress"] == about["aof_rewrite_scheduled"] == 0


def rewrite(shop: "valkey.Valkey") -> None:
    """Have the server write a new base file, and wait until it has."""
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
    ("damage", "file", "whole"),
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
def test_what_is_whole_is_opened_and_the_damaged_file_is_kept(
    files: Path, damage: Callable[[Path], object], file: str, whole: int
) -> None:
    damage(files)
    damaged = (files / file).read_bytes()
    (found,) = repairs.damages(files.parent)
    assert found.file == files / file
    assert (files / file).read_bytes() == damaged
    (said,) = repairs.repair(files.parent)
    assert file in said
    (copies,) = files.parent.glob("damaged-*")
    assert str(copies) in said
    assert (copies / file).read_bytes() == damaged
    assert list(repairs.damages(files.parent)) == []
    assert orders(files.parent) == whole


def test_without_a_manifest_no_order_is_forgotten(files: Path) -> None:
    (files / MANIFEST).unlink()
    list(repairs.repair(files.parent))
    assert orders(files.parent) == ORDERS


def test_a_missing_file_of_writes_leaves_those_before_it(files: Path) -> None:
    with own_valkey(files.parent, appendonly="yes") as port, client(port) as shop:
        rewrite(shop)
    (files / "appendonly.aof.2.incr.aof").unlink()
    list(repairs.repair(files.parent))
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
    list(repairs.repair(files.parent))
    with own_valkey(files.parent, appendonly="yes") as port, client(port) as shop:
        assert shop.get("counter") == b"2"
        assert shop.dbsize() == ORDERS + 1


@pytest.mark.parametrize("lost", ["damaged", "missing"])
def test_what_cannot_be_mended_is_one_sentence_and_stays_as_it_is(files: Path, lost: str) -> None:
    if lost == "damaged":
        zero(files / BASE)
    else:
        (files / BASE).unlink()
    before = {each.name: each.read_bytes() for each in files.iterdir()}
    with pytest.raises(LocalError, match="put back a copy"):
        list(repairs.repair(files.parent))
    assert {each.name: each.read_bytes() for each in files.iterdir()} == before


def test_where_there_was_no_shop_there_is_nothing_to_mend(tmp_path: Path) -> None:
    assert list(repairs.repair(tmp_path / "none")) == []


def test_a_state_directory_with_a_blank_in_its_name(files: Path, tmp_path: Path) -> None:
    other = tmp_path / "a b"
    shutil.copytree(files.parent, other / "valkey", ignore=shutil.ignore_patterns("a b"))
    append(other / "valkey/appendonlydir" / WRITES, bytes(10))
    assert len(list(repairs.repair(other / "valkey"))) == 1
