"""The scheduler's database after a crash: what counts as damaged, and what is left alone."""

import struct
from mmap import PAGESIZE
from pathlib import Path

import pytest

from pizzashop.local import repairs

META = struct.pack("<IIIIQQQQQQ", 0xED0CDAED, 2, PAGESIZE, 0, 3, 0, 2, 4, 7, 0)
PANIC = "goroutine 1 [running]:\ngo.etcd.io/bbolt.(*DB).page(...)\n"


@pytest.fixture
def member(tmp_path: Path) -> Path:
    """As a scheduler leaves it: a database of four pages, and a log."""
    member = tmp_path / "scheduler/default-0/dapr-0.1/member"
    (member / "snap").mkdir(parents=True)
    (member / "wal").mkdir()
    page = (bytes(16) + META).ljust(PAGESIZE, b"\0")
    (member / "snap/db").write_bytes(page * 2 + bytes(2 * PAGESIZE))
    (member / "wal/0.wal").write_bytes(b"\x04\0\0\0\0\0\0\x84" + bytes(1000))
    return member


def damaged(member: Path) -> bool:
    return repairs.visibly_damaged(member.parents[2])


def test_a_whole_one_is_not_damaged(member: Path, tmp_path: Path) -> None:
    assert not damaged(member)
    assert not repairs.visibly_damaged(tmp_path / "none")


def test_one_of_its_two_first_pages_is_enough(member: Path) -> None:
    with (member / "snap/db").open("r+b") as file:
        file.write(bytes(PAGESIZE))
    assert not damaged(member)


@pytest.mark.parametrize("size", [100, PAGESIZE, 3 * PAGESIZE])
def test_a_database_that_was_cut_off_is_damaged(member: Path, size: int) -> None:
    with (member / "snap/db").open("r+b") as file:
        file.truncate(size)
    assert damaged(member)


@pytest.mark.parametrize("name", ["snap/db", "wal/0.wal"])
def test_a_file_of_zeros_is_damaged(member: Path, name: str) -> None:
    (member / name).write_bytes(bytes((member / name).stat().st_size))
    assert damaged(member)


@pytest.mark.parametrize(
    "log",
    [
        f"panic: assertion failed: Page expected to be: 3, but self identifies as 0\n{PANIC}",
        f"unexpected fault address 0x7f1bdbc08000\nfatal error: fault\n{PANIC}",
        'level=fatal msg="Fatal error running scheduler: failed to start embedded etcd: walpb: crc mismatch"',
    ],
)
def test_an_end_for_its_damage_is_known_by_the_log(log: str) -> None:
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
def test_an_end_for_another_reason_moves_nothing(log: str) -> None:
    assert not repairs.ended_by_damage(log)


def test_moved_away_it_is_kept_whole(member: Path) -> None:
    directory = member.parents[2]
    aside = repairs.move_away(directory)
    assert aside.parent == directory.parent
    assert not directory.exists()
    assert (aside / member.relative_to(directory) / "snap/db").exists()
